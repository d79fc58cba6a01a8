// The host side of passthrough: one function for each VFIO ioctl, mapped BARs, eventfds and the interrupt thread.
// It decides nothing; src/vfio does.
#include "environment.h"

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  armemu::Environment::Install(env);
  armemu::ExportFiles(env, exports);
  armemu::ExportContainer(env, exports);
  armemu::ExportGroup(env, exports);
  armemu::ExportDevice(env, exports);
  armemu::ExportRegionMapping(env, exports);
  armemu::ExportInterruptPump(env, exports);
  return exports;
}

NODE_API_MODULE(armemu_vfio, Initialize)
