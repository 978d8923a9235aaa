// The ACL file: a line "user <name> <rule> ..." for each user, as ACL LIST shows them.
//
// Comments are mistakes, since ACL SAVE would lose them; empty lines are not.
#pragma once

#include <vector>

#include "src/acl/users.h"
#include "src/base/result.h"

namespace memoir {

// Reads the file's text. All mistakes are gathered; the error's text tells them in one line, as the
// reply of ACL LOAD (without code word). `name` is the file's, for that.
Result<std::vector<User>> parse_acl_file(ByteView text, ByteView name, Users& users,
                                         bool all_channels);
// The text for these users.
Bytes acl_file_text(std::span<const UserPointer> users);
// "user alice on ...".
Bytes user_line(const User& user);

}  // namespace memoir
