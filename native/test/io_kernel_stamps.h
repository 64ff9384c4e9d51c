#pragma once

namespace shared_ws::test {

// A kernel begins to stamp a moment after a socket has asked for it, and goes on as long as one of them is
// open. Waits for that, and keeps one to the end of the program; false: it does not stamp.
bool KernelStamps();

}  // namespace shared_ws::test
