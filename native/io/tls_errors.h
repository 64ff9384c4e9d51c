#pragma once

#include <string>

namespace shared_ws {

// The reason of the newest entry in OpenSSL's error queue, and an empty queue: it is shared with Node's own
// crypto on the same thread, so nothing of ours may stay in it.
std::string TakeTlsError(const char* when_empty);

}  // namespace shared_ws
