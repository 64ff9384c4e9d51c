#pragma once

#include <cstddef>
#include <cstdint>

namespace shared_ws::fuzz {

// A mutator that knows frames: it takes the stream apart, changes frames as a server could have sent them
// (more or fewer of them, other opcodes, other payloads, in fragments, with control frames between them) or
// should not have (reserved bits, masks, lengths in the wrong form or of another size), and writes them
// again, so that one change does not shift the meaning of all bytes behind it. Now and then it corrupts bytes
// instead. For LLVMFuzzerCustomMutator; the first `settings` bytes of an input are not part of the stream.
// Returns the new size.
size_t MutateFrames(uint8_t* data, size_t size, size_t max_size, unsigned seed, size_t settings);

}  // namespace shared_ws::fuzz
