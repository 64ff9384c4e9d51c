#include "support.h"

// A close frame of any payload, alone, between the fragments of a message, or in front of more frames,
// however it is cut. What must come of it is said here from RFC 6455 5.5.1 and 7.4.
namespace shared_ws::fuzz {
namespace {

std::string Expected(const std::string& payload) {
  if (payload.empty()) return "close 1005 \n";
  if (payload.size() == 1) return test::ViolationLine(Status::kCloseTooShort);
  const int code = test::Raw(payload)[0] * 256 + test::Raw(payload)[1];
  // 7.4.1 and 7.4.2, and the registry: 1012 to 1014. Never on the wire: 1004, 1005, 1006, 1015.
  const bool defined = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!defined && (code < 3000 || code > 4999)) return test::ViolationLine(Status::kCloseCodeInvalid);
  const std::string reason = payload.substr(2);
  if (JudgeUtf8(reason) != Utf8Verdict::kValid) return test::ViolationLine(Status::kCloseReasonNotUtf8);
  return "close " + std::to_string(code) + " " + reason + "\n";
}

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws;
  using namespace shared_ws::fuzz;
  Input input(data, size);
  const bool inside_message = input.Bool();
  const uint8_t chop_seed = input.Byte();
  const std::string payload(input.Bytes(input.Below(kMaxControlPayloadBytes + 1)));
  const std::string behind(input.Rest());

  const Limits limits;
  for (const uint8_t seed : {uint8_t{0}, chop_seed}) {
    Connection connection(limits);
    Witness witness(limits);
    const std::string before = inside_message ? test::Frame(0x01, "begun") + test::Ping("p") : "";
    FeedChopped(connection, witness, before + test::Frame(0x88, payload) + behind, seed);
    CHECK_EQ(witness.log(), (inside_message ? "ping p\n" : "") + Expected(payload));
    CHECK_EQ(connection.close_received(), connection.status() == Status::kOk);
  }
  return 0;
}
