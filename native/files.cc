// Descriptors: opening, reading and writing at an offset, eventfds; and keeping guest RAM out of child processes.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"

namespace armemu {

namespace {

// open(path): descriptor
Napi::Value Open(const Napi::CallbackInfo &info) {
  const std::string path = StringArgument(info, 0, "path");
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) ThrowErrno(info.Env(), errno, "open", path);
  return Environment::Of(info.Env()).Adopt(info.Env(), descriptor, path);
}

// close(descriptor)
void Close(const Napi::CallbackInfo &info) {
  const int descriptor = DescriptorArgument(info, 0);
  Environment &environment = Environment::Of(info.Env());
  const std::string path = environment.Describe(descriptor);
  // Only what was opened here: a stale number may belong to a file of the process by now.
  if (environment.descriptors.erase(descriptor) == 0) ThrowErrno(info.Env(), EBADF, "close", path);
  if (close(descriptor) < 0 && errno != EINTR) ThrowErrno(info.Env(), errno, "close", path);
}

void TransferAll(Napi::Env env, int descriptor, Bytes bytes, uint64_t offset, bool write) {
  const char *operation = write ? "pwrite" : "pread";
  size_t done = 0;
  while (done < bytes.length) {
    const off_t at = static_cast<off_t>(offset + done);
    const ssize_t moved = write ? pwrite(descriptor, bytes.data + done, bytes.length - done, at)
                                : pread(descriptor, bytes.data + done, bytes.length - done, at);
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0)
      ThrowErrno(env, moved < 0 ? errno : EIO, operation, Environment::Of(env).Describe(descriptor));
    done += static_cast<size_t>(moved);
  }
}

// readBuffer(descriptor, offset, into)
void ReadBuffer(const Napi::CallbackInfo &info) {
  const int descriptor = DescriptorArgument(info, 0);
  TransferAll(info.Env(), descriptor, BytesArgument(info, 2, "into"), Uint64Argument(info, 1, "offset"), false);
}

// writeBuffer(descriptor, offset, from)
void WriteBuffer(const Napi::CallbackInfo &info) {
  const int descriptor = DescriptorArgument(info, 0);
  TransferAll(info.Env(), descriptor, BytesArgument(info, 2, "from"), Uint64Argument(info, 1, "offset"), true);
}

uint32_t ValueSize(const Napi::CallbackInfo &info, size_t index) {
  const uint32_t size = Uint32Argument(info, index, "size");
  if (size != 1 && size != 2 && size != 4 && size != 8)
    throw Napi::RangeError::New(info.Env(), "size must be 1, 2, 4 or 8");
  return size;
}

// readValue(descriptor, offset, size): number, or bigint for 8 bytes. One access of exactly that width.
Napi::Value ReadValue(const Napi::CallbackInfo &info) {
  const int descriptor = DescriptorArgument(info, 0);
  const uint64_t offset = Uint64Argument(info, 1, "offset");
  const uint32_t size = ValueSize(info, 2);
  uint64_t value = 0;
  ssize_t moved;
  do {
    moved = pread(descriptor, &value, size, static_cast<off_t>(offset));
  } while (moved < 0 && errno == EINTR);
  if (moved != static_cast<ssize_t>(size))
    ThrowErrno(info.Env(), moved < 0 ? errno : EIO, "pread", Environment::Of(info.Env()).Describe(descriptor));
  value = le64toh(value);
  if (size == 8) return Napi::BigInt::New(info.Env(), value);
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

// writeValue(descriptor, offset, size, value)
void WriteValue(const Napi::CallbackInfo &info) {
  const int descriptor = DescriptorArgument(info, 0);
  const uint64_t offset = Uint64Argument(info, 1, "offset");
  const uint32_t size = ValueSize(info, 2);
  const uint64_t value = htole64(Uint64Argument(info, 3, "value"));
  ssize_t moved;
  do {
    moved = pwrite(descriptor, &value, size, static_cast<off_t>(offset));
  } while (moved < 0 && errno == EINTR);
  if (moved != static_cast<ssize_t>(size))
    ThrowErrno(info.Env(), moved < 0 ? errno : EIO, "pwrite", Environment::Of(info.Env()).Describe(descriptor));
}

// eventfdCreate(description): descriptor
Napi::Value EventfdCreate(const Napi::CallbackInfo &info) {
  const std::string description = "eventfd " + StringArgument(info, 0, "description");
  const int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor < 0) ThrowErrno(info.Env(), errno, "eventfd", description);
  return Environment::Of(info.Env()).Adopt(info.Env(), descriptor, description);
}

// eventfdWrite(descriptor): adds one, as a device's interrupt does
void EventfdWrite(const Napi::CallbackInfo &info) {
  const int descriptor = DescriptorArgument(info, 0);
  const uint64_t one = 1;
  // EAGAIN: the counter is full, so the descriptor is readable anyway.
  if (write(descriptor, &one, sizeof one) < 0 && errno != EAGAIN)
    ThrowErrno(info.Env(), errno, "write", Environment::Of(info.Env()).Describe(descriptor));
}

// keepFromChildren(bytes): a child process gets no copy of these pages. Without this a fork would make them
// copy-on-write and the guest's next store would move to a page that the device does not see.
void KeepFromChildren(const Napi::CallbackInfo &info) {
  const Bytes bytes = BytesArgument(info, 0, "bytes");
  if (madvise(bytes.data, bytes.length, MADV_DONTFORK) < 0)
    ThrowErrno(info.Env(), errno, "madvise MADV_DONTFORK", "guest RAM");
}

}  // namespace

void ExportFiles(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open, "open"));
  exports.Set("close", Napi::Function::New(env, Close, "close"));
  exports.Set("readBuffer", Napi::Function::New(env, ReadBuffer, "readBuffer"));
  exports.Set("writeBuffer", Napi::Function::New(env, WriteBuffer, "writeBuffer"));
  exports.Set("readValue", Napi::Function::New(env, ReadValue, "readValue"));
  exports.Set("writeValue", Napi::Function::New(env, WriteValue, "writeValue"));
  exports.Set("eventfdCreate", Napi::Function::New(env, EventfdCreate, "eventfdCreate"));
  exports.Set("eventfdWrite", Napi::Function::New(env, EventfdWrite, "eventfdWrite"));
  exports.Set("keepFromChildren", Napi::Function::New(env, KeepFromChildren, "keepFromChildren"));
}

}  // namespace armemu
