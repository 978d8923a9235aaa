// LOLWUT: a picture, another one each time, and the version.
//
// VERSION 5 draws a drifting weave of lines in braille dots, VERSION 6 a mountain range at night,
// and without a version the rows of an elementary cellular automaton.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "protocol/reply_writer.h"
#include "src/base/log.h"
#include "src/command/context.h"
#include "src/server/server_rows.h"
#include "src/server/version.h"

namespace memoir {
namespace {

// Dots, eight of them a character.
class Braille {
 public:
  Braille(std::size_t columns, std::size_t rows)
      : columns_(columns), cells_(columns * rows, 0) {}

  std::size_t width() const { return columns_ * 2; }
  std::size_t height() const { return cells_.size() / columns_ * 4; }
  void dot(double x, double y) {
    if (x < 0 || y < 0) return;
    const auto column = static_cast<std::size_t>(x);
    const auto line = static_cast<std::size_t>(y);
    if (column >= width() || line >= height()) return;
    // The order of the dots in Unicode: down the left, down the right, then the lowest two.
    static constexpr std::uint8_t kDots[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    cells_[line / 4 * columns_ + column / 2] |= kDots[line % 4][column % 2];
  }
  void draw(Bytes& out) const {
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      out += '\xe2';
      out += static_cast<char>(0xa0 | cells_[i] >> 6);
      out += static_cast<char>(0x80 | (cells_[i] & 63));
      if (i % columns_ == columns_ - 1) out += '\n';
    }
  }

 private:
  std::size_t columns_;
  std::vector<std::uint8_t> cells_;
};

// Threads that cross each other, less and less in order from left to right.
Bytes weave(Random& random, std::size_t columns, std::size_t threads, std::size_t rows) {
  Braille canvas(columns, rows);
  const auto width = static_cast<double>(canvas.width());
  const auto height = static_cast<double>(canvas.height());
  for (std::size_t i = 0; i < threads; ++i) {
    const double base = (static_cast<double>(i) + 0.5) / static_cast<double>(threads) * height;
    const double phase = random.unit() * 2 * std::numbers::pi;
    const double waves = 1 + 3 * random.unit();
    for (double x = 0; x < width; x += 0.5) {
      const double disorder = x / width * height / 3;
      canvas.dot(x, base + disorder * std::sin(phase + x / width * waves * 2 * std::numbers::pi));
    }
  }
  Bytes text;
  canvas.draw(text);
  return text;
}

// The line of a range: halves of halves are moved by less and less.
std::vector<double> ridge(Random& random, std::size_t width, double rough) {
  std::vector<double> line(width);
  for (double octave = 1; octave <= 32; octave *= 2) {
    const double phase = random.unit() * 100;
    for (std::size_t x = 0; x < width; ++x) {
      const double at = phase + static_cast<double>(x) / static_cast<double>(width) * octave * 1.37;
      line[x] += std::abs(std::sin(at * std::numbers::pi)) * rough / octave;
    }
  }
  return line;
}

Bytes mountains(Random& random, std::size_t columns, std::size_t rows) {
  const std::vector<double> far = ridge(random, columns, 0.45);
  const std::vector<double> near = ridge(random, columns, 0.25);
  Bytes text;
  for (std::size_t y = 0; y < rows; ++y) {
    const double height = 1 - (static_cast<double>(y) + 0.5) / static_cast<double>(rows);
    for (std::size_t x = 0; x < columns; ++x) {
      if (height < near[x]) {
        text += "█";
      } else if (height < far[x]) {
        text += "▒";
      } else {
        text += random.below(40) == 0 ? "·" : " ";
      }
    }
    text += '\n';
  }
  return text;
}

// Each row follows from the one above by a rule of eight bits.
Bytes automaton(Random& random) {
  static constexpr std::uint8_t kRules[] = {18, 22, 30, 45, 60, 73, 90, 105, 110, 126, 150, 182};
  constexpr std::size_t kWidth = 128;
  const std::uint8_t rule = kRules[random.below(std::size(kRules))];
  Braille canvas(kWidth / 2, 12);
  std::vector<std::uint8_t> cells(kWidth);
  for (int i = 0; i < 3; ++i) cells[random.below(kWidth)] = 1;
  for (std::size_t y = 0; y < canvas.height(); ++y) {
    std::vector<std::uint8_t> next(kWidth);
    for (std::size_t x = 0; x < kWidth; ++x) {
      if (cells[x]) canvas.dot(static_cast<double>(x), static_cast<double>(y));
      const unsigned around = static_cast<unsigned>(cells[(x + kWidth - 1) % kWidth] << 2 |
                                                    cells[x] << 1 | cells[(x + 1) % kWidth]);
      next[x] = rule >> around & 1;
    }
    cells = std::move(next);
  }
  Bytes text;
  canvas.draw(text);
  return text += fmt::format("\nRule {}.", rule);
}

std::size_t limited(std::int64_t value, std::int64_t most) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(value, 1, most));
}

// LOLWUT [VERSION version] [number ...]
Status lolwut(Context& ctx, Args args, ReplyWriter& reply) {
  std::int64_t version = 0;
  if (args.take("VERSION", 1)) version = args.integer();
  if (args.failed()) return args.status();
  const bool sized = version == 5 || version == 6;
  std::int64_t sizes[] = {version == 5 ? 66 : 80, version == 5 ? 8 : 20, 12};
  const std::size_t count = !sized ? 0 : version == 5 ? 3 : 2;
  for (std::size_t i = 0; i < count && args.more(); ++i) sizes[i] = args.integer();
  if (args.failed()) return args.status();
  Random& random = ctx.random();
  Bytes text;
  if (version == 5) {
    text = weave(random, limited(sizes[0], 1000), limited(sizes[1], 200), limited(sizes[2], 200));
    text += "\nThreads.";
  } else if (version == 6) {
    text = mountains(random, limited(sizes[0], 1000), limited(sizes[1], 1000));
    text += "\nA night in the mountains.";
  } else {
    text = automaton(random);
  }
  text += fmt::format(" Memoir {}. Redis ver. {}\n", kMemoirVersion, kRedisVersion);
  reply.verbatim(text, "txt");
  return ok;
}

constexpr CommandSpec kCommands[] = {
    {.name = "lolwut",
     .arity = at_least(1),
     .access = Access::kRead,
     .flags = kFast,
     .locks = Locks::kNone,
     .run = lolwut,
     .group = Group::kServer,
     .syntax = "[VERSION version:integer]",
     .summary = "Draws a picture and tells the version.",
     .since = "5.0.0",
     .complexity = ""},
};

}  // namespace

std::span<const CommandSpec> lolwut_commands() { return kCommands; }

}  // namespace memoir
