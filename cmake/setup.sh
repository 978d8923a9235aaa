# What ./run and ./test share: installing what is missing, the compiler cache, one build.
# Sourced with MEMOIR_TOP set to the checkout.

readonly BUILD_PACKAGES=(
  cmake ninja-build g++ ccache libuv1-dev libxxhash-dev libmimalloc-dev libspdlog-dev libfmt-dev
  libssl-dev libzstd-dev liblzf-dev liblua5.1-0-dev lua-cjson-dev libmsgpack-dev)
readonly TEST_PACKAGES=(
  catch2 clang git iproute2 libclang-rt-14-dev libhiredis-dev openssl redis-server redis-tools
  python3 python3-redis)

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Succeeds when every package named is installed.
have_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || return 1
  done
}

# Installs the packages named that are missing. A package's service (redis-server brings one) is not
# started: this machine's port 6379 belongs to its user.
install_missing() {
  local package missing=()
  for package in "$@"; do
    have_packages "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing ${missing[*]}" >&2

  local policy=/usr/sbin/policy-rc.d own_policy=no
  if [ ! -e "$policy" ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  local failed=0
  {
    as_root apt-get -q update &&
      as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -q install -y --no-install-recommends "${missing[@]}"
  } >&2 || failed=1
  if [ "$own_policy" = yes ]; then as_root rm -f "$policy"; fi
  return "$failed"
}

# The cache lives in the home folder, or in the checkout where there is no writable home.
prepare_ccache() {
  if [ -z "${CCACHE_DIR:-}" ] && ! { mkdir -p "${HOME:-/nonexistent}/.cache" 2>/dev/null &&
    [ -w "$HOME/.cache" ]; }; then
    export CCACHE_DIR="$MEMOIR_TOP/.cache/ccache"
  fi
  export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$MEMOIR_TOP}" CCACHE_NOHASHDIR=1
  export CCACHE_SLOPPINESS="pch_defines,time_macros,include_file_mtime,include_file_ctime"
}

# build PRESET TARGET...   configures once and builds into build/PRESET
build() {
  local preset="$1"
  shift
  (
    cd "$MEMOIR_TOP"
    cmake --preset "$preset" >"/tmp/memoir-configure.$$" 2>&1 || {
      cat "/tmp/memoir-configure.$$"
      rm -f "/tmp/memoir-configure.$$"
      exit 1
    }
    rm -f "/tmp/memoir-configure.$$"
    cmake --build "build/$preset" --target "$@"
  )
}
