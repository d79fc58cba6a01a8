// VFIO groups: the smallest set of devices that the host's IOMMU can tell apart.
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>

#include "environment.h"

namespace armemu {

namespace {

// groupStatus(group): VFIO_GROUP_FLAGS_*
Napi::Value Status(const Napi::CallbackInfo &info) {
  vfio_group_status status = {};
  status.argsz = sizeof status;
  CheckedIoctl(info.Env(), DescriptorArgument(info, 0), VFIO_GROUP_GET_STATUS, &status, "VFIO_GROUP_GET_STATUS");
  return Napi::Number::New(info.Env(), status.flags);
}

// groupSetContainer(group, container)
void SetContainer(const Napi::CallbackInfo &info) {
  const int group = DescriptorArgument(info, 0);
  int container = DescriptorArgument(info, 1);
  CheckedIoctl(info.Env(), group, VFIO_GROUP_SET_CONTAINER, &container, "VFIO_GROUP_SET_CONTAINER");
}

// groupUnsetContainer(group)
void UnsetContainer(const Napi::CallbackInfo &info) {
  CheckedIoctl(info.Env(), DescriptorArgument(info, 0), VFIO_GROUP_UNSET_CONTAINER, nullptr,
               "VFIO_GROUP_UNSET_CONTAINER");
}

// groupDevice(group, address): descriptor of the device
Napi::Value Device(const Napi::CallbackInfo &info) {
  const int group = DescriptorArgument(info, 0);
  std::string address = StringArgument(info, 1, "address");
  const int device =
      CheckedIoctl(info.Env(), group, VFIO_GROUP_GET_DEVICE_FD, address.data(), "VFIO_GROUP_GET_DEVICE_FD");
  // The kernel opens it with O_CLOEXEC (vfio_group_ioctl_get_device_fd).
  return Environment::Of(info.Env()).Adopt(info.Env(), device, "device " + address);
}

}  // namespace

void ExportGroup(Napi::Env env, Napi::Object exports) {
  exports.Set("groupStatus", Napi::Function::New(env, Status, "groupStatus"));
  exports.Set("groupSetContainer", Napi::Function::New(env, SetContainer, "groupSetContainer"));
  exports.Set("groupUnsetContainer", Napi::Function::New(env, UnsetContainer, "groupUnsetContainer"));
  exports.Set("groupDevice", Napi::Function::New(env, Device, "groupDevice"));
}

}  // namespace armemu
