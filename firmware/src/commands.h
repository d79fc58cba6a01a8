#ifndef ARMEMU_COMMANDS_H
#define ARMEMU_COMMANDS_H

#include "shell.h"

extern const struct shell_command commands_board[], commands_devices[], commands_iommu[];
extern const u32 commands_board_count, commands_devices_count, commands_iommu_count;

#endif
