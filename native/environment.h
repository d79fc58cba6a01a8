// What one Node environment (the main thread or a worker) holds open through the addon, and how its errors look.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace armemu {

class InterruptPump;
class RegionMapping;

// Closed and joined by the environment's clean-up hook, so that a worker that is terminated leaves no device
// open, no guest RAM mapped for DMA and no thread behind.
struct Environment {
  std::map<int, std::string> descriptors;
  std::set<InterruptPump *> pumps;
  std::set<RegionMapping *> mappings;

  static Environment &Of(Napi::Env env);
  static void Install(Napi::Env env);

  // Takes over `descriptor`; `description` is what errors name as their path.
  Napi::Value Adopt(Napi::Env env, int descriptor, std::string description);
  std::string Describe(int descriptor) const;
};

// Throws a JS Error with operation, path, errno and code. `number` is an errno value.
[[noreturn]] void ThrowErrno(Napi::Env env, int number, const char *operation, const std::string &path);

// An ioctl that is repeated when a signal interrupted it.
int Ioctl(int descriptor, unsigned long request, void *argument);

// Ioctl that throws; returns the call's own (not negative) result.
int CheckedIoctl(Napi::Env env, int descriptor, unsigned long request, void *argument, const char *operation);

struct Bytes {
  uint8_t *data;
  size_t length;
};

// Arguments. Each throws a TypeError or RangeError that names the argument.
int DescriptorArgument(const Napi::CallbackInfo &info, size_t index);
uint32_t Uint32Argument(const Napi::CallbackInfo &info, size_t index, const char *name);
// A number (an integer up to 2^53) or a bigint (up to 2^64 - 1).
uint64_t Uint64Argument(const Napi::CallbackInfo &info, size_t index, const char *name);
std::string StringArgument(const Napi::CallbackInfo &info, size_t index, const char *name);
// A Uint8Array; also one over the memory of a shared WebAssembly.Memory.
Bytes BytesArgument(const Napi::CallbackInfo &info, size_t index, const char *name);

Napi::Value CopyToUint8Array(Napi::Env env, const void *data, size_t length);

// Each source file adds its functions.
void ExportFiles(Napi::Env env, Napi::Object exports);
void ExportContainer(Napi::Env env, Napi::Object exports);
void ExportGroup(Napi::Env env, Napi::Object exports);
void ExportDevice(Napi::Env env, Napi::Object exports);
void ExportRegionMapping(Napi::Env env, Napi::Object exports);
void ExportInterruptPump(Napi::Env env, Napi::Object exports);

// From container.cc: VFIO_IOMMU_MAP_DMA.
void MapDma(Napi::Env env, int container, const void *address, size_t length, uint64_t iova, uint32_t flags);

// From region-mapping.cc and interrupt-pump.cc, for the clean-up hook.
void CloseMapping(RegionMapping *mapping);
void ClosePump(InterruptPump *pump);

}  // namespace armemu
