#include <openssl/err.h>
#include <openssl/ssl.h>

#include <vector>

#include "io/tls_session.h"
#include "io/tls_stream.h"
#include "support.h"
#include "test/io_tls_identity.h"
#include "tls_server.h"

// TlsStream against a server by OpenSSL, alone or inside a session with a proxy: what it says is cut,
// damaged, dropped and made up at will. What is heard is what was said, from its beginning; all of it, in
// both directions, when nothing was damaged; a failure is for good and has words; and nothing is left in
// OpenSSL's queue of errors.
namespace shared_ws::fuzz {
namespace {

using Result = TlsStream::Result;
using test::Context;

constexpr size_t kMaxSteps = 150;
// A handshake logs five lines; beyond what LogKey() refuses, one line more.
constexpr size_t kMaxKeyLogBytes = 17 * 1024;

struct Contexts {
  Context servers[2] = {MakeServer(TLS1_2_VERSION), MakeServer(TLS1_3_VERSION)};
  Context client = test::ClientContext([] {
    TlsContextOptions options;
    options.ca = {test::TestCa().cert};
    options.key_log = true;
    return options;
  }());

  static Context MakeServer(int version) {
    Context context = test::ServerContext(test::TestServer(), version);
    // Tickets alone: the memory of one run must not depend on those before it.
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    return context;
  }
};

const Contexts& Made() {
  static const Contexts contexts;
  return contexts;
}

class Run {
 public:
  explicit Run(Input& input) : input_(input) {
    const uint8_t choice = input.Byte();
    inner_version_ = choice & 1;
    servers_.push_back(std::make_unique<TlsServer>(Made().servers[choice >> 1 & 1].get()));
    BeginStream();
    if (choice & 4) return;  // the handshake is the input's
    Settle();
    if (choice & 8) Tunnel();
    if ((choice & 16) == 0) Settle();
  }

  void Step() {
    enum Operation {
      kDeliver,
      kDeliverAll,
      kDamage,
      kInvent,
      kDrop,
      kServerSays,
      kServerUpdatesKeys,
      kServerGivesTicket,
      kServerRenegotiates,
      kServerLeaves,
      kProxyLeaves,
      kClientSays,
      kClientLeaves,
      kToServer,
      kReadLess,
      kTakeSessions,
      kTunnel,
      kSettle,
      kLast = kSettle
    };
    switch (static_cast<Operation>(input_.Below(kLast + 1))) {
      case kDeliver:
        return Deliver(input_.Word() % (wire_.size() + 1));
      case kDeliverAll:
        return Deliver(wire_.size());
      case kDamage:
        if (wire_.empty()) return;
        wire_[input_.Word() % wire_.size()] ^= static_cast<char>(1 << input_.Below(8));
        damaged_ = true;
        return;
      case kInvent:
        wire_.append(input_.Bytes(input_.Byte()));
        damaged_ = true;
        return;
      case kDrop:
        wire_.erase(0, input_.Word());
        damaged_ = true;
        return;
      case kServerSays: {
        const std::string text = Words();
        if (server().Say(text)) said_ += text;
        return PassDown();
      }
      case kServerUpdatesKeys:
        server().UpdateKeys(input_.Bool());
        return PassDown();
      case kServerGivesTicket:
        for (size_t i = 1 + input_.Below(8); i > 0; i--) server().GiveTicket();
        return PassDown();
      case kServerRenegotiates:
        server().Renegotiate();
        damaged_ = true;
        return PassDown();
      case kServerLeaves:
        server().Leave();
        return PassDown();
      case kProxyLeaves:
        servers_[0]->Leave();
        return PassDown();
      case kClientSays:
        return Say();
      case kClientLeaves:
        stream_->Shutdown();
        left_ = true;
        return Collect();
      case kToServer:
        return PassUp(input_.Word());
      case kReadLess:
        capacity_ = 1 + 16 * input_.Byte();
        return;
      case kTakeSessions:
        return TakeSessions();
      case kTunnel:
        return Tunnel();
      case kSettle:
        return Settle();
    }
  }

  // Everything arrives, until nothing is under way.
  void Settle() {
    for (size_t round = 0; round < 1000; round++) {
      PassUp(up_.size() + output_.size());
      const bool idle = wire_.empty() && !stream_->has_kept_input();
      Deliver(wire_.size());
      if (idle && up_.empty() && output_.empty() && wire_.empty()) break;
    }
  }

  void Finish() {
    Settle();
    capacity_ = 100'000;
    Settle();
    TakeSessions();
    if (damaged_) return;
    if (left_) {
      CHECK(servers_.back()->heard == offered_, "not all that was written before the end arrived");
      return;
    }
    CHECK(over_ != Result::kFailed || servers_[0]->left, "it failed for no reason: " + stream_->error());
    if (servers_[0]->left || servers_.back()->left) {
      CHECK(over_ == Result::kClosed, "the end was not heard");
      // A proxy that leaves takes the rest with it.
      if (servers_.size() > 1 && servers_[0]->left) return;
    } else {
      CHECK(secure_, "nothing was damaged, and there is no session");
    }
    CHECK_EQ(heard_, said_.size(), "not all that was said was heard");
    CHECK(servers_.back()->heard == offered_, "not all that was written arrived");
  }

 private:
  TlsServer& server() { return *servers_.back(); }

  std::string Words() {
    const size_t size = 1 + input_.Word() % 40'000;
    std::string words(size, 'a');
    for (size_t i = 0; i < size; i++) words[i] = static_cast<char>('a' + (i + fill_) % 26);
    fill_++;
    return words;
  }

  void BeginStream() {
    TlsStart start;
    start.server_name = start.verify_host = "localhost";
    start.session = session_.get();
    start.keep_sessions = true;
    auto stream = std::make_unique<TlsStream>(Made().client.get(), start);
    CHECK(stream->ok(), stream->error());
    if (stream_ != nullptr) stream->RideOn(std::move(stream_));
    stream_ = std::move(stream);
    stream_->SetOutput(&output_);
    secure_ = false;
    Judge(stream_->Handshake());
  }

  // Once, when the session with the proxy stands and says nothing.
  void Tunnel() {
    if (servers_.size() > 1 || !secure_ || over_ != Result::kOk || left_ || !servers_[0]->secure()) return;
    if (damaged_ || servers_[0]->left || heard_ < said_.size() || !wire_.empty()) return;
    if (servers_[0]->heard != offered_) return;
    servers_[0]->heard.clear();
    said_.clear();
    offered_.clear();
    heard_ = 0;
    servers_.push_back(std::make_unique<TlsServer>(Made().servers[inner_version_].get()));
    BeginStream();
  }

  // As Link::ReadSealed does it.
  void Deliver(size_t count) {
    const std::string_view bytes = std::string_view(wire_).substr(0, count);
    const std::unique_ptr<uint8_t[]> memory(new uint8_t[bytes.size()]);
    if (!bytes.empty()) std::memcpy(memory.get(), bytes.data(), bytes.size());
    const size_t size = bytes.size();
    wire_.erase(0, size);
    if (over_ != Result::kOk || left_) return;  // nobody reads on
    stream_->BeginInput(memory.get(), size);
    Result result = Result::kOk;
    if (!secure_) {
      result = stream_->Handshake();
      secure_ = result == Result::kOk;
      Judge(result);
    }
    const std::unique_ptr<uint8_t[]> room(new uint8_t[capacity_]);
    size_t read = 0;
    while (result == Result::kOk && read < capacity_) {
      size_t got = 0;
      result = stream_->Read(room.get() + read, capacity_ - read, &got);
      Judge(result);
      if (result == Result::kOk) read += got;
    }
    CHECK(stream_->EndInput(), "there was memory");
    CHECK(heard_ + read <= said_.size() &&
              said_.compare(heard_, read, reinterpret_cast<char*>(room.get()), read) == 0,
          "it was never said");
    heard_ += read;
    if (result == Result::kFailed && secure_) {
      size_t got = 0;
      CHECK(stream_->Read(room.get(), capacity_, &got) != Result::kOk, "a failure is for good");
    }
    CHECK(stream_->key_log().size() <= kMaxKeyLogBytes, "a peer fills memory with keys");
    Collect();
  }

  void Judge(Result result) {
    CHECK_EQ(ERR_peek_error(), 0ul, "OpenSSL's queue of errors is not empty");
    if (result == Result::kFailed) CHECK(!stream_->error().empty(), "a failure without words");
    if (result == Result::kFailed || result == Result::kClosed) over_ = result;
  }

  void Say() {
    const std::string text = Words();
    if (!secure_ || over_ != Result::kOk || left_) return;
    size_t count = 0;
    const Result result = stream_->Write(reinterpret_cast<const uint8_t*>(text.data()), text.size(), &count);
    CHECK_EQ(ERR_peek_error(), 0ul);
    CHECK(result == Result::kOk || result == Result::kFailed);
    if (result == Result::kOk) {
      CHECK(count > 0 && count <= std::min(text.size(), TlsStream::kMaxRecordBytes));
      offered_.append(text, 0, count);
    } else {
      CHECK(damaged_ && !stream_->error().empty(), "writing failed for no reason: " + stream_->error());
    }
    Collect();
  }

  void TakeSessions() {
    std::vector<TlsSession> sessions = stream_->TakeSessions();
    CHECK(sessions.size() <= TlsStream::kMaxKeptSessions);
    CHECK(!stream_->has_sessions(), "they are given once");
    // The newest is offered to the server behind the proxy, whether it is that one's or not.
    if (!sessions.empty()) session_ = std::move(sessions.back().handle);
    CHECK_EQ(ERR_peek_error(), 0ul);
  }

  void Collect() {
    up_.append(reinterpret_cast<const char*>(output_.data()), output_.size());
    output_.Clear();
  }

  void PassUp(size_t count) {
    Collect();
    const std::string bytes = up_.substr(0, count);
    up_.erase(0, bytes.size());
    servers_[0]->Take(bytes);
    if (servers_.size() > 1) {
      servers_[1]->Take(servers_[0]->heard);
      servers_[0]->heard.clear();
    }
    PassDown();
  }

  void PassDown() {
    if (servers_.size() > 1) {
      const std::string inner = servers_[1]->Out();
      // A record of the proxy's holds what it happens to have.
      for (size_t at = 0; at < inner.size(); at += 16'000) servers_[0]->Say(inner.substr(at, 16'000));
    }
    wire_ += servers_[0]->Out();
  }

  Input& input_;
  std::vector<std::unique_ptr<TlsServer>> servers_;  // the proxy's first, where there is one
  size_t inner_version_ = 0;
  Bytes output_;  // of the stream
  std::unique_ptr<TlsStream> stream_;
  SessionHandle session_;   // taken
  std::string up_;          // ciphertext on its way to the server
  std::string wire_;        // and to the client
  std::string said_;        // by the server
  size_t heard_ = 0;        // of it, by the client
  std::string offered_;     // by the client
  size_t capacity_ = 2000;  // of one reading
  size_t fill_ = 0;
  bool secure_ = false;
  bool damaged_ = false;
  bool left_ = false;          // the client; nothing follows, as in Link::Destroy()
  Result over_ = Result::kOk;  // kClosed or kFailed: nothing more is heard
};

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws::fuzz;
  ReplaceChance();
  Made();
  Input input(data, size);
  Run run(input);
  for (size_t i = 0; i < kMaxSteps && !input.empty(); i++) run.Step();
  run.Finish();
  return 0;
}
