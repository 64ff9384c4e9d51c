#include "core/connection.h"
#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {
namespace {

TEST(connection_messages_and_control_frames) {
  CHECK_EVERY_CUT(Text("hello") + Text("") + Text("κόσμε") + Binary(BytesOf({0, 0xFF, 0x80})) + Binary(""),
                  "ascii hello\nascii \ntext κόσμε\n" + BinaryLine(BytesOf({0, 0xFF, 0x80})) + "binary \n");
  CHECK_EVERY_CUT(Ping("") + Ping("nonce") + Frame(kFin | 10, "") + Frame(kFin | 10, std::string(125, 'p')),
                  "ping \nping nonce\npong \npong " + std::string(125, 'p') + "\n");
}

TEST(connection_fragments) {
  CHECK_EVERY_CUT(Frame(1, "one ") + Frame(0, "two ") + Frame(kFin, "three") + Text("next"),
                  "ascii one two three\nascii next\n");
  CHECK_EVERY_CUT(Frame(2, "a") + Frame(kFin, "b") + Frame(2, "c") + Frame(kFin, ""),
                  "binary ab\nbinary c\n");
  CHECK_EVERY_CUT(Frame(1, "") + Frame(0, "") + Frame(kFin, "") + Frame(2, "") + Frame(kFin, ""),
                  "ascii \nbinary \n");
  CHECK_EVERY_CUT(Frame(1, "") + Frame(0, "x") + Frame(0, "") + Frame(kFin, ""), "ascii x\n");
}

TEST(connection_control_frames_between_fragments) {
  CHECK_EVERY_CUT(
      Frame(1, "on") + Ping("1") + Frame(0, "") + Ping("") + Frame(kFin | 10, "2") + Frame(kFin, "e"),
      "ping 1\nping \npong 2\nascii one\n");
  CHECK_EVERY_CUT(Frame(2, "unfinished") + Close(1001, "away") + Frame(kFin, "late"), "close 1001 away\n");
}

TEST(connection_characters_across_fragments) {
  const std::string text = "aµ€😀z";
  for (size_t cut = 0; cut <= text.size(); cut++) {
    CHECK_EVERY_CUT(Frame(1, text.substr(0, cut)) + Ping("") + Frame(kFin, text.substr(cut)),
                    "ping \n" + TextLine(false, text));
  }
}

TEST(connection_close) {
  CHECK_EVERY_CUT(Frame(kFin | 8, ""), "close 1005 \n");
  CHECK_EVERY_CUT(Close(1000), "close 1000 \n");
  CHECK_EVERY_CUT(Close(4321, "grüße"), "close 4321 grüße\n");
  CHECK_EVERY_CUT(Close(1011, std::string(123, 'r')), "close 1011 " + std::string(123, 'r') + "\n");
}

TEST(connection_close_codes) {
  for (int code = 0; code <= 65535; code++) {
    const bool allowed =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    const std::string expected =
        allowed ? "close " + std::to_string(code) + " \n" : ViolationLine(Status::kCloseCodeInvalid);
    if (!CHECK_EQ(LogOf(Close(code)), expected, std::to_string(code))) return;
  }
}

TEST(connection_discards_after_close_and_after_a_violation) {
  const std::string noise = Text("late") + Ping("late") + BytesOf({0xFF, 0xFF, 0xFF}) + Close(1000);
  CHECK_EVERY_CUT(Text("a") + Close(1000, "bye") + noise, "ascii a\nclose 1000 bye\n");
  CHECK_EVERY_CUT(Text("a") + Frame(kFin | 3, "") + noise,
                  "ascii a\n" + ViolationLine(Status::kReservedOpcode));

  Connection closed{Limits{}}, violated{Limits{}};
  Recorder first, second;
  Feed(closed, first, Close(1000) + noise);
  CHECK(closed.close_received() && closed.status() == Status::kOk && !closed.mid_message());
  Feed(violated, second, Frame(1, "part") + Text("x"));
  CHECK(!violated.close_received() && violated.status() == Status::kExpectedContinuation &&
        !violated.mid_message());
  Feed(violated, second, BytesOf({0xF1}));
  CHECK_EQ(violated.status(), Status::kExpectedContinuation, "the first violation stays");
}

TEST(connection_reports_what_came_before_a_violation) {
  CHECK_EVERY_CUT(Text("1") + Ping("2") + Binary("3") + BytesOf({0xC1, 0x00}),
                  "ascii 1\nping 2\nbinary 3\n" + ViolationLine(Status::kReservedBits));
  CHECK_EVERY_CUT(Text("1") + Text(BytesOf({'x', 0xFF})) + Text("2"),
                  "ascii 1\n" + ViolationLine(Status::kTextNotUtf8));
}

TEST(connection_text_fails_with_the_first_hopeless_byte) {
  // The frame announces 1000 bytes; the second one that comes is already wrong.
  Connection connection{Limits{}};
  Recorder recorder;
  Feed(connection, recorder, Header(kFin | 1, 1000));
  Feed(connection, recorder, BytesOf({0xF4}));
  CHECK_EQ(recorder.log, "");
  Feed(connection, recorder, BytesOf({0x90}));
  CHECK_EQ(recorder.log, ViolationLine(Status::kTextNotUtf8));

  Connection fragmented{Limits{}};
  Recorder other;
  Feed(fragmented, other, Frame(1, BytesOf({'o', 'k', 0xED})));
  CHECK_EQ(other.log, "");
  Feed(fragmented, other, Header(0, 500) + BytesOf({0xA0}));
  CHECK_EQ(other.log, ViolationLine(Status::kTextNotUtf8));
}

TEST(connection_text_cut_short_fails_at_its_end) {
  CHECK_EVERY_CUT(Text(BytesOf({'a', 0xE2, 0x82})), ViolationLine(Status::kTextNotUtf8));
  CHECK_EVERY_CUT(Frame(1, BytesOf({0xE2, 0x82})) + Ping("") + Frame(kFin, ""),
                  "ping \n" + ViolationLine(Status::kTextNotUtf8));
  CHECK_EVERY_CUT(Text(BytesOf({0xE2, 0x82})) + Text(BytesOf({0xAC})), ViolationLine(Status::kTextNotUtf8));
}

TEST(connection_does_not_judge_binary) {
  const std::string bytes = BytesOf({0xFF, 0xC0, 0x80, 0xED, 0xA0, 0x80});
  CHECK_EVERY_CUT(Binary(bytes), BinaryLine(bytes));
  CHECK_EVERY_CUT(Frame(2, bytes) + Frame(kFin, bytes), BinaryLine(bytes + bytes));
}

TEST(connection_frame_sizes_at_the_boundaries) {
  OnEverySimd([] {
    for (size_t n : {124, 125, 126, 127, 128, 65534, 65535, 65536, 65537}) {
      const std::string payload(n, 'b');
      const std::string stream = Text(payload) + Binary(payload) + Frame(1, payload) + Frame(kFin, payload);
      const std::string expected =
          TextLine(true, payload) + BinaryLine(payload) + TextLine(true, payload + payload);
      for (size_t chunk : {size_t{1} << 20, size_t{65536}, size_t{4096}, size_t{1000}, size_t{97}}) {
        CHECK(LogOf(stream, chunk) == expected, std::to_string(n) + " in chunks of " + std::to_string(chunk));
      }
      for (size_t cut = 1; cut < 20; cut++) {
        Connection connection{Limits{}};
        Recorder recorder;
        Feed(connection, recorder, std::string_view(stream).substr(0, cut));
        Feed(connection, recorder, std::string_view(stream).substr(cut));
        CHECK(recorder.log == expected, std::to_string(n) + " cut at " + std::to_string(cut));
      }
    }
  });
}

TEST(connection_frames_up_to_300_bytes_in_bytes) {
  for (size_t n = 0; n <= 300; n++) {
    const std::string payload(n, 'q');
    const std::string stream = Text(payload) + Ping("x") + Binary(payload);
    CHECK(LogOf(stream, 1) == TextLine(true, payload) + "ping x\n" + BinaryLine(payload), std::to_string(n));
  }
}

TEST(connection_copies_only_what_is_cut_or_fragmented) {
  const std::string frame = Text("a message") + Binary("and bytes");
  Connection connection{Limits{}};
  Recorder recorder;
  Feed(connection, recorder, frame + frame);
  CHECK_EQ(recorder.in_place, 4);
  Feed(connection, recorder, frame.substr(0, 1));
  Feed(connection, recorder, frame.substr(1, 1));
  Feed(connection, recorder, frame.substr(2));
  CHECK_EQ(recorder.in_place, 6, "a header in pieces before a payload in one piece");
  CHECK_EQ(recorder.assembled, 0);
  Feed(connection, recorder, frame.substr(0, 5));
  Feed(connection, recorder, frame.substr(5));
  CHECK_EQ(recorder.in_place, 7);
  CHECK_EQ(recorder.assembled, 1);
}

TEST(connection_knows_whether_it_is_inside_a_message) {
  const std::string stream =
      Text("ab") + Frame(1, "c") + Ping("d") + Frame(0, "") + Frame(kFin, "e") + Ping("f");
  const size_t first = Text("ab").size();
  const size_t second = stream.size() - Ping("f").size();
  Connection connection{Limits{}};
  Recorder recorder;
  CHECK(!connection.mid_message());
  for (size_t at = 0; at < stream.size(); at++) {
    Feed(connection, recorder, stream.substr(at, 1));
    const size_t taken = at + 1;
    const bool between = taken == first || taken == second || taken == stream.size();
    CHECK_EQ(connection.mid_message(), !between, "after " + std::to_string(taken));
  }
}

TEST(connection_stops_where_the_sink_refuses) {
  // A sink with room for `room` events.
  struct Narrow : Recorder {
    int room = 0;
    bool Accepts() { return room-- > 0 && Recorder::Accepts(); }
  };
  const std::string one = Text("1"), two = Ping("2"), three = Frame(2, "3"), four = Frame(kFin, "4");
  const std::string stream = one + two + three + four;
  Connection connection{Limits{}};
  Narrow sink;
  sink.chunk = Raw(stream);
  sink.chunk_size = stream.size();
  const auto consume = [&](size_t from, int room) {
    sink.room = room;
    return from + connection.Consume(Raw(stream) + from, stream.size() - from, sink);
  };
  size_t at = consume(0, 0);
  CHECK_EQ(at, size_t{0});
  at = consume(at, 1);
  CHECK_EQ(at, one.size());
  CHECK_EQ(sink.log, "ascii 1\n");
  at = consume(at, 2);
  CHECK_EQ(at, stream.size() - four.size());
  CHECK_EQ(sink.log, "ascii 1\nping 2\n");
  CHECK(connection.mid_message());
  at = consume(at, 0);
  CHECK_EQ(at, stream.size() - four.size());
  at = consume(at, 1);
  CHECK_EQ(at, stream.size());
  CHECK_EQ(sink.log, "ascii 1\nping 2\nbinary 34\n");

  // Nothing is asked, and all is consumed, once the stream has ended.
  const std::string end = Close(1000) + one;
  sink.room = 1;
  CHECK_EQ(connection.Consume(Raw(end), end.size(), sink), end.size());
  CHECK_EQ(connection.Consume(Raw(one), one.size(), sink), one.size());
  CHECK_EQ(connection.Consume(nullptr, 0, sink), size_t{0});
}

}  // namespace
}  // namespace shared_ws::test
