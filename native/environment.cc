#include "environment.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>

namespace armemu {

namespace {

void CleanUp(void *data) {
  auto *environment = static_cast<Environment *>(data);
  // Threads first: nothing may write to guest memory any more when the rest goes.
  while (!environment->pumps.empty()) {
    InterruptPump *pump = *environment->pumps.begin();
    environment->pumps.erase(pump);
    ClosePump(pump);
  }
  while (!environment->mappings.empty()) {
    RegionMapping *mapping = *environment->mappings.begin();
    environment->mappings.erase(mapping);
    CloseMapping(mapping);
  }
  for (const auto &entry : environment->descriptors) close(entry.first);
  environment->descriptors.clear();
}

std::string ErrnoName(int number) {
#ifdef __GLIBC__
  if (const char *name = strerrorname_np(number)) return name;
#endif
  return "E" + std::to_string(number);
}

}  // namespace

Environment &Environment::Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

void Environment::Install(Napi::Env env) {
  auto *environment = new Environment();
  env.SetInstanceData(environment);
  napi_add_env_cleanup_hook(env, CleanUp, environment);
}

Napi::Value Environment::Adopt(Napi::Env env, int descriptor, std::string description) {
  descriptors[descriptor] = std::move(description);
  return Napi::Number::New(env, descriptor);
}

std::string Environment::Describe(int descriptor) const {
  const auto found = descriptors.find(descriptor);
  return found == descriptors.end() ? "file descriptor " + std::to_string(descriptor) : found->second;
}

void ThrowErrno(Napi::Env env, int number, const char *operation, const std::string &path) {
  const std::string code = ErrnoName(number);
  Napi::Error error =
      Napi::Error::New(env, std::string(operation) + " on " + path + ": " + strerror(number) + " (" + code + ")");
  error.Set("operation", Napi::String::New(env, operation));
  error.Set("path", Napi::String::New(env, path));
  error.Set("errno", Napi::Number::New(env, number));
  error.Set("code", Napi::String::New(env, code));
  throw error;
}

int Ioctl(int descriptor, unsigned long request, void *argument) {
  int result;
  do {
    result = ioctl(descriptor, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

int CheckedIoctl(Napi::Env env, int descriptor, unsigned long request, void *argument, const char *operation) {
  const int result = Ioctl(descriptor, request, argument);
  if (result < 0) {
    const int number = errno;
    ThrowErrno(env, number, operation, Environment::Of(env).Describe(descriptor));
  }
  return result;
}

int DescriptorArgument(const Napi::CallbackInfo &info, size_t index) {
  const uint32_t value = Uint32Argument(info, index, "descriptor");
  if (value > INT32_MAX) throw Napi::RangeError::New(info.Env(), "descriptor is out of range");
  return static_cast<int>(value);
}

uint32_t Uint32Argument(const Napi::CallbackInfo &info, size_t index, const char *name) {
  const uint64_t value = Uint64Argument(info, index, name);
  if (value > UINT32_MAX) throw Napi::RangeError::New(info.Env(), std::string(name) + " does not fit 32 bits");
  return static_cast<uint32_t>(value);
}

uint64_t Uint64Argument(const Napi::CallbackInfo &info, size_t index, const char *name) {
  const Napi::Value value = info[index];
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (!(number >= 0 && number <= 9007199254740991.0) || std::floor(number) != number)
      throw Napi::RangeError::New(info.Env(), std::string(name) + " is not an integer from 0 to 2^53 - 1");
    return static_cast<uint64_t>(number);
  }
  if (value.IsBigInt()) {
    bool lossless = false;
    const uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) throw Napi::RangeError::New(info.Env(), std::string(name) + " does not fit 64 bits");
    return number;
  }
  throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a number or a bigint");
}

std::string StringArgument(const Napi::CallbackInfo &info, size_t index, const char *name) {
  if (!info[index].IsString()) throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a string");
  return info[index].As<Napi::String>().Utf8Value();
}

Bytes BytesArgument(const Napi::CallbackInfo &info, size_t index, const char *name) {
  const Napi::Value value = info[index];
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *data = nullptr;
  // Not the ArrayBuffer behind it: Node 20 refuses a SharedArrayBuffer there.
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(info.Env(), value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array)
    throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a Uint8Array");
  return {static_cast<uint8_t *>(data), length};
}

Napi::Value CopyToUint8Array(Napi::Env env, const void *data, size_t length) {
  Napi::Uint8Array array = Napi::Uint8Array::New(env, length);
  memcpy(array.Data(), data, length);
  return array;
}

}  // namespace armemu
