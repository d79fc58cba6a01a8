// VFIO devices: regions, interrupts, resets.
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include <vector>

#include "environment.h"

namespace armemu {

namespace {

// deviceInfo(device): { flags, regions, irqs }
Napi::Value DeviceInfo(const Napi::CallbackInfo &info) {
  vfio_device_info device = {};
  device.argsz = sizeof device;
  CheckedIoctl(info.Env(), DescriptorArgument(info, 0), VFIO_DEVICE_GET_INFO, &device, "VFIO_DEVICE_GET_INFO");
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("flags", Napi::Number::New(info.Env(), device.flags));
  result.Set("regions", Napi::Number::New(info.Env(), device.num_regions));
  result.Set("irqs", Napi::Number::New(info.Env(), device.num_irqs));
  return result;
}

// deviceRegionInfo(device, index): struct vfio_region_info with its capability chain
Napi::Value RegionInfo(const Napi::CallbackInfo &info) {
  const int device = DescriptorArgument(info, 0);
  const uint32_t index = Uint32Argument(info, 1, "index");
  std::vector<uint8_t> buffer(sizeof(vfio_region_info));
  for (;;) {
    auto *header = reinterpret_cast<vfio_region_info *>(buffer.data());
    header->argsz = static_cast<uint32_t>(buffer.size());
    header->index = index;
    CheckedIoctl(info.Env(), device, VFIO_DEVICE_GET_REGION_INFO, header, "VFIO_DEVICE_GET_REGION_INFO");
    if (header->argsz <= buffer.size()) return CopyToUint8Array(info.Env(), buffer.data(), header->argsz);
    buffer.assign(header->argsz, 0);
  }
}

// deviceIrqInfo(device, index): { flags, count }
Napi::Value IrqInfo(const Napi::CallbackInfo &info) {
  vfio_irq_info irq = {};
  irq.argsz = sizeof irq;
  irq.index = Uint32Argument(info, 1, "index");
  CheckedIoctl(info.Env(), DescriptorArgument(info, 0), VFIO_DEVICE_GET_IRQ_INFO, &irq, "VFIO_DEVICE_GET_IRQ_INFO");
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("flags", Napi::Number::New(info.Env(), irq.flags));
  result.Set("count", Napi::Number::New(info.Env(), irq.count));
  return result;
}

// deviceSetIrqs(device, index, start, count, flags, data): the kernel's result, which is the number of vectors that
// it could have given when it can't give `count`. `data` is null, an Int32Array of eventfds (-1: none) or a
// Uint8Array of booleans, as `flags` says, with `count` elements.
Napi::Value SetIrqs(const Napi::CallbackInfo &info) {
  const int device = DescriptorArgument(info, 0);
  vfio_irq_set header = {};
  header.index = Uint32Argument(info, 1, "index");
  header.start = Uint32Argument(info, 2, "start");
  header.count = Uint32Argument(info, 3, "count");
  header.flags = Uint32Argument(info, 4, "flags");
  const Napi::Value data = info[5];

  const uint32_t dataType = header.flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
  const void *payload = nullptr;
  size_t payloadSize = 0;
  if (dataType != VFIO_IRQ_SET_DATA_NONE) {
    const napi_typedarray_type wanted =
        dataType == VFIO_IRQ_SET_DATA_EVENTFD ? napi_int32_array : napi_uint8_array;
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    void *elements = nullptr;
    if (!data.IsTypedArray() ||
        napi_get_typedarray_info(info.Env(), data, &type, &length, &elements, nullptr, nullptr) != napi_ok ||
        type != wanted || length != header.count)
      throw Napi::TypeError::New(info.Env(), "data does not fit flags and count");
    payload = elements;
    payloadSize = length * (wanted == napi_int32_array ? sizeof(int32_t) : sizeof(uint8_t));
  }
  std::vector<uint8_t> buffer(sizeof header + payloadSize);
  header.argsz = static_cast<uint32_t>(buffer.size());
  memcpy(buffer.data(), &header, sizeof header);
  if (payloadSize != 0) memcpy(buffer.data() + sizeof header, payload, payloadSize);
  return Napi::Number::New(
      info.Env(), CheckedIoctl(info.Env(), device, VFIO_DEVICE_SET_IRQS, buffer.data(), "VFIO_DEVICE_SET_IRQS"));
}

// deviceReset(device)
void Reset(const Napi::CallbackInfo &info) {
  CheckedIoctl(info.Env(), DescriptorArgument(info, 0), VFIO_DEVICE_RESET, nullptr, "VFIO_DEVICE_RESET");
}

// devicePciHotResetInfo(device): [{ group, segment, bus, devfn }] of every device that a hot reset would reset
Napi::Value PciHotResetInfo(const Napi::CallbackInfo &info) {
  const int device = DescriptorArgument(info, 0);
  uint32_t count = 0;
  for (;;) {
    std::vector<uint8_t> buffer(sizeof(vfio_pci_hot_reset_info) + count * sizeof(vfio_pci_dependent_device));
    auto *header = reinterpret_cast<vfio_pci_hot_reset_info *>(buffer.data());
    header->argsz = static_cast<uint32_t>(buffer.size());
    if (Ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, header) < 0) {
      // ENOSPC comes with the number of entries; a second one means that a device was added meanwhile.
      if (errno == ENOSPC && header->count > count) {
        count = header->count;
        continue;
      }
      ThrowErrno(info.Env(), errno, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO",
                 Environment::Of(info.Env()).Describe(device));
    }
    if (header->count > count) {
      count = header->count;
      continue;
    }
    Napi::Array result = Napi::Array::New(info.Env(), header->count);
    for (uint32_t i = 0; i < header->count; i++) {
      const vfio_pci_dependent_device &dependent = header->devices[i];
      Napi::Object entry = Napi::Object::New(info.Env());
      entry.Set("group", Napi::Number::New(info.Env(), dependent.group_id));
      entry.Set("segment", Napi::Number::New(info.Env(), dependent.segment));
      entry.Set("bus", Napi::Number::New(info.Env(), dependent.bus));
      entry.Set("devfn", Napi::Number::New(info.Env(), dependent.devfn));
      result.Set(i, entry);
    }
    return result;
  }
}

// devicePciHotReset(device, groups): `groups` is an Int32Array of the descriptors of every group affected
void PciHotReset(const Napi::CallbackInfo &info) {
  const int device = DescriptorArgument(info, 0);
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    throw Napi::TypeError::New(info.Env(), "groups must be an Int32Array");
  const auto groups = info[1].As<Napi::Int32Array>();
  std::vector<uint8_t> buffer(sizeof(vfio_pci_hot_reset) + groups.ElementLength() * sizeof(int32_t));
  auto *header = reinterpret_cast<vfio_pci_hot_reset *>(buffer.data());
  header->argsz = static_cast<uint32_t>(buffer.size());
  header->count = static_cast<uint32_t>(groups.ElementLength());
  memcpy(header->group_fds, groups.Data(), groups.ElementLength() * sizeof(int32_t));
  CheckedIoctl(info.Env(), device, VFIO_DEVICE_PCI_HOT_RESET, header, "VFIO_DEVICE_PCI_HOT_RESET");
}

}  // namespace

void ExportDevice(Napi::Env env, Napi::Object exports) {
  exports.Set("deviceInfo", Napi::Function::New(env, DeviceInfo, "deviceInfo"));
  exports.Set("deviceRegionInfo", Napi::Function::New(env, RegionInfo, "deviceRegionInfo"));
  exports.Set("deviceIrqInfo", Napi::Function::New(env, IrqInfo, "deviceIrqInfo"));
  exports.Set("deviceSetIrqs", Napi::Function::New(env, SetIrqs, "deviceSetIrqs"));
  exports.Set("deviceReset", Napi::Function::New(env, Reset, "deviceReset"));
  exports.Set("devicePciHotResetInfo", Napi::Function::New(env, PciHotResetInfo, "devicePciHotResetInfo"));
  exports.Set("devicePciHotReset", Napi::Function::New(env, PciHotReset, "devicePciHotReset"));
}

}  // namespace armemu
