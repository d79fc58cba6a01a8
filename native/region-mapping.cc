// BARs mapped into the process: volatile accesses of exactly the guest's width, and survival of the SIGBUS that a
// mapping raises while the device's memory decoding is off, in D3, during a reset, or when the device is gone.
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "environment.h"

namespace armemu {

namespace {

// What the signal handler may look at: static, never freed, so that a fault in one thread can scan all slots while
// another thread opens or closes a mapping.
struct Slot {
  std::atomic<uintptr_t> base{0};
  std::atomic<size_t> length{0};
  // Page that the handler replaced, or 0. Only the thread that makes the access touches it after that.
  volatile uintptr_t replacedPage{0};
};

constexpr size_t kSlotCount = 256;
Slot slots[kSlotCount];
std::mutex slotsMutex;
struct sigaction previousHandler;
uintptr_t pageSize;

void Chain(int signal, siginfo_t *details, void *context) {
  if (previousHandler.sa_flags & SA_SIGINFO) {
    previousHandler.sa_sigaction(signal, details, context);
  } else if (previousHandler.sa_handler == SIG_DFL || previousHandler.sa_handler == SIG_IGN) {
    // An access is made again and ends the process, as it would have without us; a signal that was sent is sent again.
    const bool sent = details->si_code <= 0;
    if (sent && previousHandler.sa_handler == SIG_IGN) return;
    ::signal(SIGBUS, SIG_DFL);
    if (sent) raise(SIGBUS);
  } else {
    previousHandler.sa_handler(signal);
  }
}

// Puts a page of ones under the faulting access and lets it run again. Cheaper for the good case than a jump buffer
// for each access: there the price is one look at `replacedPage`.
void OnBusError(int signal, siginfo_t *details, void *context) {
  const int savedErrno = errno;
  const auto address = reinterpret_cast<uintptr_t>(details->si_addr);
  for (Slot &slot : slots) {
    const uintptr_t base = slot.base.load(std::memory_order_acquire);
    if (base == 0 || address < base || address - base >= slot.length.load(std::memory_order_relaxed)) continue;
    const uintptr_t page = address & ~(pageSize - 1);
    void *replacement = mmap(reinterpret_cast<void *>(page), pageSize, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (replacement == MAP_FAILED) break;
    memset(replacement, 0xff, pageSize);
    slot.replacedPage = page;
    errno = savedErrno;
    return;
  }
  errno = savedErrno;
  Chain(signal, details, context);
}

void InstallHandler() {
  static std::once_flag once;
  std::call_once(once, [] {
    pageSize = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previousHandler);
  });
}

}  // namespace

class RegionMapping {
 public:
  RegionMapping(Slot *slot, uint8_t *base, size_t length, int descriptor, off_t offset, int protection)
      : base_(base), length_(length), limit_(length), slot_(slot), descriptor_(descriptor), offset_(offset),
        protection_(protection) {}

  template <typename T>
  bool Contains(uint32_t offset) const {
    return offset <= limit_ - sizeof(T) && limit_ >= sizeof(T) && (offset & (sizeof(T) - 1)) == 0;
  }

  template <typename T>
  T Read(uint32_t offset) {
    const T value = *reinterpret_cast<volatile T *>(base_ + offset);
    OrderWithMemory();
    if (__builtin_expect(slot_->replacedPage != 0, 0)) {
      Restore();
      return static_cast<T>(~T{0});
    }
    return value;
  }

  template <typename T>
  void Write(uint32_t offset, T value) {
    OrderWithMemory();
    *reinterpret_cast<volatile T *>(base_ + offset) = value;
    if (__builtin_expect(slot_->replacedPage != 0, 0)) Restore();
  }

  // A mapping that could not be restored: the device is gone.
  bool Dead() const { return dead_; }
  uint32_t Faults() const { return faults_; }
  size_t Length() const { return length_; }

  // Where a part of it is in the process; null outside of the mapping, and when it is closed or dead.
  const void *Part(uint32_t offset, uint32_t length) const {
    return offset <= limit_ && length <= limit_ - offset ? base_ + offset : nullptr;
  }

  void Close() {
    if (base_ == nullptr) return;
    limit_ = 0;
    {
      // First, so that the handler never claims a fault of whoever gets these addresses next.
      std::lock_guard<std::mutex> lock(slotsMutex);
      slot_->base.store(0, std::memory_order_release);
    }
    munmap(base_, length_);
    base_ = nullptr;
    close(descriptor_);
  }

  // One for each JavaScript function that holds this object, plus one for the environment's list.
  uint32_t references = 0;

 private:
  // What the guest stored to RAM before it rings a doorbell must be seen by the device first, and what it loads after a
  // status read must be newer. x86 orders uncached accesses by itself.
  static void OrderWithMemory() {
#ifdef __aarch64__
    asm volatile("dmb osh" ::: "memory");
#else
    std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
  }

  __attribute__((noinline)) void Restore() {
    const uintptr_t page = slot_->replacedPage;
    slot_->replacedPage = 0;
    faults_++;
    const off_t at = offset_ + static_cast<off_t>(page - reinterpret_cast<uintptr_t>(base_));
    if (mmap(reinterpret_cast<void *>(page), pageSize, protection_, MAP_SHARED | MAP_FIXED, descriptor_, at) ==
        MAP_FAILED) {
      dead_ = true;
      limit_ = 0;
    }
  }

  uint8_t *base_;
  const size_t length_;
  size_t limit_;
  Slot *const slot_;
  const int descriptor_;
  const off_t offset_;
  const int protection_;
  uint32_t faults_ = 0;
  bool dead_ = false;
};

namespace {

void Release(RegionMapping *mapping) {
  if (--mapping->references == 0) delete mapping;
}

// The accessors below are called for every register that a guest driver touches: plain Node-API, the mapping as the
// function's data, no wrapper objects. Measured at 20 to 25 ns for a call.

napi_value OutOfBounds(napi_env env, RegionMapping *mapping, uint32_t offset) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE",
                         ("offset " + std::to_string(offset) + " is not an aligned one within the " +
                          std::to_string(mapping->Length()) + " bytes of the mapping, or the mapping is closed")
                             .c_str());
  return nullptr;
}

napi_value NotANumber(napi_env env) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "offset and value must be numbers (value a bigint for 64 bits)");
  return nullptr;
}

napi_value ToValue(napi_env env, uint32_t value) {
  napi_value result = nullptr;
  napi_create_uint32(env, value, &result);
  return result;
}

napi_value ToValue(napi_env env, uint64_t value) {
  napi_value result = nullptr;
  napi_create_bigint_uint64(env, value, &result);
  return result;
}

template <typename T>
using Widened = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T>
napi_value Read(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  void *data;
  napi_get_cb_info(env, info, &count, &argument, nullptr, &data);
  auto *mapping = static_cast<RegionMapping *>(data);
  uint32_t offset;
  if (napi_get_value_uint32(env, argument, &offset) != napi_ok) return NotANumber(env);
  if (!mapping->Contains<T>(offset)) {
    if (mapping->Dead()) return ToValue(env, Widened<T>{static_cast<T>(~T{0})});
    return OutOfBounds(env, mapping, offset);
  }
  return ToValue(env, Widened<T>{mapping->Read<T>(offset)});
}

bool FromValue(napi_env env, napi_value value, uint32_t *result) {
  return napi_get_value_uint32(env, value, result) == napi_ok;
}

bool FromValue(napi_env env, napi_value value, uint64_t *result) {
  bool lossless;
  return napi_get_value_bigint_uint64(env, value, result, &lossless) == napi_ok;
}

template <typename T>
napi_value Write(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  void *data;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  auto *mapping = static_cast<RegionMapping *>(data);
  uint32_t offset;
  Widened<T> value;
  if (napi_get_value_uint32(env, arguments[0], &offset) != napi_ok || !FromValue(env, arguments[1], &value))
    return NotANumber(env);
  if (!mapping->Contains<T>(offset)) return mapping->Dead() ? nullptr : OutOfBounds(env, mapping, offset);
  mapping->Write<T>(offset, static_cast<T>(value));
  return nullptr;
}

napi_value Faults(napi_env env, napi_callback_info info) {
  void *data;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  return ToValue(env, static_cast<RegionMapping *>(data)->Faults());
}

napi_value CloseCall(napi_env env, napi_callback_info info) {
  void *data;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  auto *mapping = static_cast<RegionMapping *>(data);
  mapping->Close();
  if (Environment::Of(env).mappings.erase(mapping) != 0) Release(mapping);
  return nullptr;
}

// mapDma(container, offset, length, iova, flags): devices of the container may reach a part of the mapping
void MapPart(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto *mapping = static_cast<RegionMapping *>(info.Data());
  const int container = DescriptorArgument(info, 0);
  const uint32_t offset = Uint32Argument(info, 1, "offset");
  const uint32_t length = Uint32Argument(info, 2, "length");
  if (mapping->Dead()) ThrowErrno(env, ENODEV, "VFIO_IOMMU_MAP_DMA", "a device that is gone");
  const void *part = mapping->Part(offset, length);
  if (part == nullptr) throw Napi::RangeError::New(env, "not within the mapping, or the mapping is closed");
  MapDma(env, container, part, length, Uint64Argument(info, 3, "iova"), Uint32Argument(info, 4, "flags"));
}

void AddFunction(Napi::Env env, Napi::Object target, const char *name, napi_value function, RegionMapping *mapping) {
  mapping->references++;
  napi_add_finalizer(
      env, function, mapping, [](napi_env, void *data, void *) { Release(static_cast<RegionMapping *>(data)); },
      nullptr, nullptr);
  target.Set(name, Napi::Value(env, function));
}

void AddFunction(Napi::Env env, Napi::Object target, const char *name, napi_callback callback, RegionMapping *mapping) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, mapping, &function);
  AddFunction(env, target, name, function, mapping);
}

Slot *TakeSlot(uintptr_t base, size_t length) {
  std::lock_guard<std::mutex> lock(slotsMutex);
  for (Slot &slot : slots) {
    if (slot.base.load(std::memory_order_relaxed) != 0) continue;
    slot.replacedPage = 0;
    slot.length.store(length, std::memory_order_relaxed);
    slot.base.store(base, std::memory_order_release);
    return &slot;
  }
  return nullptr;
}

// mapRegion(descriptor, offset, length, flags): an object with read8/16/32/64, write8/16/32/64, mapDma(), faults() and
// close().
// `flags` are VFIO_REGION_INFO_FLAG_READ and _WRITE. Offsets into it are aligned; a bad one is a RangeError.
Napi::Value MapRegion(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const int descriptor = DescriptorArgument(info, 0);
  const uint64_t offset = Uint64Argument(info, 1, "offset");
  const uint32_t length = Uint32Argument(info, 2, "length");
  const uint32_t flags = Uint32Argument(info, 3, "flags");
  const std::string path = Environment::Of(env).Describe(descriptor);
  InstallHandler();
  if (length == 0 || length % pageSize != 0 || offset % pageSize != 0)
    throw Napi::RangeError::New(env, "offset and length must be whole pages");

  const int protection = ((flags & VFIO_REGION_INFO_FLAG_READ) ? PROT_READ : 0) |
                         ((flags & VFIO_REGION_INFO_FLAG_WRITE) ? PROT_WRITE : 0);
  // A descriptor of its own, so that a page can be restored for as long as the mapping lives.
  const int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) ThrowErrno(env, errno, "fcntl F_DUPFD_CLOEXEC", path);
  void *base = mmap(nullptr, length, protection, MAP_SHARED, own, static_cast<off_t>(offset));
  if (base == MAP_FAILED) {
    const int number = errno;
    close(own);
    ThrowErrno(env, number, "mmap", path);
  }
  madvise(base, length, MADV_DONTFORK);
  Slot *slot = TakeSlot(reinterpret_cast<uintptr_t>(base), length);
  if (slot == nullptr) {
    munmap(base, length);
    close(own);
    ThrowErrno(env, EMFILE, "mmap", path);
  }

  auto *mapping =
      new RegionMapping(slot, static_cast<uint8_t *>(base), length, own, static_cast<off_t>(offset), protection);
  mapping->references = 1;
  Environment::Of(env).mappings.insert(mapping);
  Napi::Object result = Napi::Object::New(env);
  AddFunction(env, result, "read8", Read<uint8_t>, mapping);
  AddFunction(env, result, "read16", Read<uint16_t>, mapping);
  AddFunction(env, result, "read32", Read<uint32_t>, mapping);
  AddFunction(env, result, "read64", Read<uint64_t>, mapping);
  AddFunction(env, result, "write8", Write<uint8_t>, mapping);
  AddFunction(env, result, "write16", Write<uint16_t>, mapping);
  AddFunction(env, result, "write32", Write<uint32_t>, mapping);
  AddFunction(env, result, "write64", Write<uint64_t>, mapping);
  AddFunction(env, result, "mapDma", Napi::Function::New(env, MapPart, "mapDma", mapping), mapping);
  AddFunction(env, result, "faults", Faults, mapping);
  AddFunction(env, result, "close", CloseCall, mapping);
  return result;
}

}  // namespace

void CloseMapping(RegionMapping *mapping) {
  mapping->Close();
  Release(mapping);
}

void ExportRegionMapping(Napi::Env env, Napi::Object exports) {
  exports.Set("mapRegion", Napi::Function::New(env, MapRegion, "mapRegion"));
}

}  // namespace armemu
