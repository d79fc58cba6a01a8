// VFIO containers: the IOMMU context that guest RAM is mapped into (linux/vfio.h, type 1 IOMMU).
#include <errno.h>
#include <linux/vfio.h>

#include <vector>

#include "environment.h"

namespace armemu {

namespace {

// containerApiVersion(container): number
Napi::Value ApiVersion(const Napi::CallbackInfo &info) {
  const int container = DescriptorArgument(info, 0);
  return Napi::Number::New(info.Env(),
                           CheckedIoctl(info.Env(), container, VFIO_GET_API_VERSION, nullptr, "VFIO_GET_API_VERSION"));
}

// containerCheckExtension(container, extension): number, 0 where the kernel does not have it
Napi::Value CheckExtension(const Napi::CallbackInfo &info) {
  const int container = DescriptorArgument(info, 0);
  const uintptr_t extension = Uint32Argument(info, 1, "extension");
  return Napi::Number::New(
      info.Env(), CheckedIoctl(info.Env(), container, VFIO_CHECK_EXTENSION, reinterpret_cast<void *>(extension),
                               "VFIO_CHECK_EXTENSION"));
}

// containerSetIommu(container, type)
void SetIommu(const Napi::CallbackInfo &info) {
  const int container = DescriptorArgument(info, 0);
  const uintptr_t type = Uint32Argument(info, 1, "type");
  CheckedIoctl(info.Env(), container, VFIO_SET_IOMMU, reinterpret_cast<void *>(type), "VFIO_SET_IOMMU");
}

// containerIommuInfo(container): struct vfio_iommu_type1_info with its capability chain
Napi::Value IommuInfo(const Napi::CallbackInfo &info) {
  const int container = DescriptorArgument(info, 0);
  std::vector<uint8_t> buffer(sizeof(vfio_iommu_type1_info));
  for (;;) {
    auto *header = reinterpret_cast<vfio_iommu_type1_info *>(buffer.data());
    header->argsz = static_cast<uint32_t>(buffer.size());
    header->flags = 0;
    CheckedIoctl(info.Env(), container, VFIO_IOMMU_GET_INFO, header, "VFIO_IOMMU_GET_INFO");
    if (header->argsz <= buffer.size()) return CopyToUint8Array(info.Env(), buffer.data(), header->argsz);
    buffer.assign(header->argsz, 0);
  }
}

// containerMapDma(container, bytes, iova, flags): the device may reach `bytes` from now on, at `iova`
void MapBytes(const Napi::CallbackInfo &info) {
  const int container = DescriptorArgument(info, 0);
  const Bytes bytes = BytesArgument(info, 1, "bytes");
  MapDma(info.Env(), container, bytes.data, bytes.length, Uint64Argument(info, 2, "iova"),
         Uint32Argument(info, 3, "flags"));
}

Napi::Value Unmap(const Napi::CallbackInfo &info, uint64_t iova, uint64_t size, uint32_t flags) {
  vfio_iommu_type1_dma_unmap unmap = {};
  unmap.argsz = sizeof unmap;
  unmap.flags = flags;
  unmap.iova = iova;
  unmap.size = size;
  CheckedIoctl(info.Env(), DescriptorArgument(info, 0), VFIO_IOMMU_UNMAP_DMA, &unmap, "VFIO_IOMMU_UNMAP_DMA");
  return Napi::Number::New(info.Env(), static_cast<double>(unmap.size));
}

// containerUnmapDma(container, iova, size): bytes unmapped
Napi::Value UnmapDma(const Napi::CallbackInfo &info) {
  return Unmap(info, Uint64Argument(info, 1, "iova"), Uint64Argument(info, 2, "size"), 0);
}

// containerUnmapAll(container): bytes unmapped
Napi::Value UnmapAll(const Napi::CallbackInfo &info) { return Unmap(info, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL); }

}  // namespace

void MapDma(Napi::Env env, int container, const void *address, size_t length, uint64_t iova, uint32_t flags) {
  vfio_iommu_type1_dma_map map = {};
  map.argsz = sizeof map;
  map.flags = flags;
  map.vaddr = reinterpret_cast<uintptr_t>(address);
  map.iova = iova;
  map.size = length;
  CheckedIoctl(env, container, VFIO_IOMMU_MAP_DMA, &map, "VFIO_IOMMU_MAP_DMA");
}

void ExportContainer(Napi::Env env, Napi::Object exports) {
  exports.Set("containerApiVersion", Napi::Function::New(env, ApiVersion, "containerApiVersion"));
  exports.Set("containerCheckExtension", Napi::Function::New(env, CheckExtension, "containerCheckExtension"));
  exports.Set("containerSetIommu", Napi::Function::New(env, SetIommu, "containerSetIommu"));
  exports.Set("containerIommuInfo", Napi::Function::New(env, IommuInfo, "containerIommuInfo"));
  exports.Set("containerMapDma", Napi::Function::New(env, MapBytes, "containerMapDma"));
  exports.Set("containerUnmapDma", Napi::Function::New(env, UnmapDma, "containerUnmapDma"));
  exports.Set("containerUnmapAll", Napi::Function::New(env, UnmapAll, "containerUnmapAll"));
}

}  // namespace armemu
