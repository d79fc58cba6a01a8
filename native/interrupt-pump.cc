// The interrupt thread of a machine: reads eventfds, sets bits in the shared memory that the CPU loop looks at, and
// wakes the event loop only when the machine says that it sleeps there.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "environment.h"

namespace armemu {

namespace {
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
constexpr uint64_t kStop = 0;  // epoll's data for the thread's own eventfd; sources count from 1
}  // namespace

class InterruptPump : public Napi::ObjectWrap<InterruptPump> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "InterruptPump",
                       {InstanceMethod<&InterruptPump::Add>("add"), InstanceMethod<&InterruptPump::Remove>("remove"),
                        InstanceMethod<&InterruptPump::Close>("close"), InstanceMethod<&InterruptPump::Ref>("ref"),
                        InstanceMethod<&InterruptPump::Unref>("unref")});
  }

  // new InterruptPump(memory, eventWordOffset, sleepingWordOffset, wake)
  explicit InterruptPump(const Napi::CallbackInfo &info) : Napi::ObjectWrap<InterruptPump>(info) {
    const Napi::Env env = info.Env();
    memory_ = BytesArgument(info, 0, "memory");
    event_ = Word(info, 1, "eventWordOffset");
    sleeping_ = Word(info, 2, "sleepingWordOffset");
    if (!info[3].IsFunction()) throw Napi::TypeError::New(env, "wake must be a function");

    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) ThrowErrno(env, errno, "epoll_create1", "interrupt thread");
    stop_ = eventfd(0, EFD_CLOEXEC);
    epoll_event stop = {};
    stop.events = EPOLLIN;
    stop.data.u64 = kStop;
    if (stop_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, stop_, &stop) < 0) {
      const int number = errno;
      CloseDescriptors();
      ThrowErrno(env, number, "epoll_ctl", "interrupt thread");
    }
    // A queue of one: a wake-up that has not run yet stands for every later one.
    if (napi_create_threadsafe_function(env, info[3], nullptr, Napi::String::New(env, "armemu interrupt"), 1, 1,
                                        nullptr, nullptr, nullptr, nullptr, &wake_) != napi_ok) {
      CloseDescriptors();
      throw Napi::Error::New(env, "the interrupt thread can't reach the event loop");
    }
    // Guest memory must outlive the thread that writes into it.
    memoryReference_ = Napi::Persistent(info[0].As<Napi::Object>());

    // Every signal belongs to Node's threads.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error &error) {
      pthread_sigmask(SIG_SETMASK, &previous, nullptr);
      napi_release_threadsafe_function(wake_, napi_tsfn_abort);
      CloseDescriptors();
      ThrowErrno(env, error.code().value(), "pthread_create", "interrupt thread");
    }
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    Environment::Of(env).pumps.insert(this);
    open_ = true;
  }

  ~InterruptPump() override {
    if (open_) Environment::Of(Env()).pumps.erase(this);
    Shutdown();
  }

  // Joins the thread: after it no word is written any more. May run from a clean-up hook, so it calls no JavaScript.
  void Shutdown() {
    if (!open_) return;
    open_ = false;
    const uint64_t one = 1;
    ssize_t ignored = write(stop_, &one, sizeof one);
    (void)ignored;
    thread_.join();
    napi_release_threadsafe_function(wake_, napi_tsfn_abort);
    CloseDescriptors();
    sources_.clear();
  }

 private:
  struct Source {
    int descriptor;
    std::atomic<uint32_t> *word;
    uint32_t bits;
  };

  std::atomic<uint32_t> *Word(const Napi::CallbackInfo &info, size_t index, const char *name) {
    const uint64_t offset = Uint64Argument(info, index, name);
    if (offset % sizeof(uint32_t) != 0 || memory_.length < sizeof(uint32_t) ||
        offset > memory_.length - sizeof(uint32_t))
      throw Napi::RangeError::New(info.Env(), std::string(name) + " is not an aligned word of the memory");
    return reinterpret_cast<std::atomic<uint32_t> *>(memory_.data + offset);
  }

  // add(eventfd, wordOffset, bits): id. From now on a signal on the eventfd ORs `bits` into the word.
  Napi::Value Add(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    if (!open_) throw Napi::Error::New(env, "the interrupt thread is closed");
    Source source = {DescriptorArgument(info, 0), Word(info, 1, "wordOffset"), Uint32Argument(info, 2, "bits")};
    std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t id = ++lastId_;
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = id;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, source.descriptor, &event) < 0)
      ThrowErrno(env, errno, "epoll_ctl", Environment::Of(env).Describe(source.descriptor));
    sources_[id] = source;
    return Napi::Number::New(env, static_cast<double>(id));
  }

  // remove(id): when it returns, the thread will not touch the source's word any more
  void Remove(const Napi::CallbackInfo &info) {
    const uint64_t id = Uint64Argument(info, 0, "id");
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sources_.find(id);
    if (found == sources_.end()) return;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, found->second.descriptor, nullptr);
    sources_.erase(found);
  }

  void Close(const Napi::CallbackInfo &info) {
    Environment::Of(info.Env()).pumps.erase(this);
    Shutdown();
    memoryReference_.Reset();
  }

  void Ref(const Napi::CallbackInfo &info) {
    if (open_) napi_ref_threadsafe_function(info.Env(), wake_);
  }

  void Unref(const Napi::CallbackInfo &info) {
    if (open_) napi_unref_threadsafe_function(info.Env(), wake_);
  }

  void CloseDescriptors() {
    if (epoll_ >= 0) close(epoll_);
    if (stop_ >= 0) close(stop_);
    epoll_ = stop_ = -1;
  }

  bool Deliver(uint64_t id) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sources_.find(id);
    if (found == sources_.end()) return false;
    uint64_t count;
    // Emptied before the bit is set: a signal in between leaves the descriptor readable and comes back.
    if (read(found->second.descriptor, &count, sizeof count) != sizeof count) return false;
    found->second.word->fetch_or(found->second.bits, std::memory_order_seq_cst);
    return true;
  }

  void Run() {
    epoll_event events[64];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 64, -1);
      bool delivered = false;
      for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == kStop) return;
        delivered = Deliver(events[i].data.u64) || delivered;
      }
      if (!delivered) continue;
      // The machine stores `sleeping` and then looks at `event`; here it is the other way round. Both sides need a
      // store that is ordered before the load that follows, or each could miss the other.
      event_->store(1, std::memory_order_seq_cst);
      if (sleeping_->load(std::memory_order_seq_cst) != 0) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
    }
  }

  Bytes memory_ = {};
  std::atomic<uint32_t> *event_ = nullptr;
  std::atomic<uint32_t> *sleeping_ = nullptr;
  Napi::ObjectReference memoryReference_;
  napi_threadsafe_function wake_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;
  std::map<uint64_t, Source> sources_;
  uint64_t lastId_ = 0;
  int epoll_ = -1;
  int stop_ = -1;
  bool open_ = false;
};

void ClosePump(InterruptPump *pump) { pump->Shutdown(); }

void ExportInterruptPump(Napi::Env env, Napi::Object exports) {
  exports.Set("InterruptPump", InterruptPump::Define(env));
}

}  // namespace armemu
