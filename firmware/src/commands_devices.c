/* The prompt's commands for the devices that the firmware has drivers for. */
#include "check.h"
#include "commands.h"
#include "edu.h"
#include "mac.h"
#include "nvme.h"
#include "print.h"
#include "str.h"

static const char usage_error[] = "wrong arguments, see help";

static failure verdict(bool passed)
{
    return passed ? NULL : "a check failed";
}

static failure command_edu(u32 argc, const char *const *argv)
{
    struct pci_device *device = edu_find(0);
    const char *what = argc > 1 ? argv[1] : "ident";
    u32 number;

    if (!device)
        return "no edu device (1234:11e8)";
    check_reset();
    if (strcmp(what, "ident") == 0) {
        edu_test_registers(device);
        return verdict(check_failed() == 0);
    }
    if (strcmp(what, "fact") == 0 && shell_number(argc, argv, 2, 10, &number)) {
        u32 result;
        failure reason = edu_use(device, EDU_POLL);
        if (!reason)
            reason = edu_factorial(device, number, &result);
        if (!reason)
            print("%u! modulo 2^32 = %u\n", number, result);
        return reason;
    }
    if (strcmp(what, "dma") == 0 && shell_number(argc, argv, 2, EDU_DMA_MAX, &number)) {
        if (number == 0 || number > EDU_DMA_MAX)
            return "1 to 4092 bytes";
        bool passed = edu_test_dma(device, EDU_POLL, number);
        edu_use(device, EDU_POLL);
        return verdict(passed);
    }
    if (strcmp(what, "msi") == 0)
        return verdict(edu_test_msi(device) & edu_test_dma(device, EDU_MSI, EDU_DMA_MAX));
    if (strcmp(what, "intx") == 0)
        return verdict(edu_test_intx(device) & edu_test_dma(device, EDU_INTX, EDU_DMA_MAX));
    if (strcmp(what, "rules") == 0)
        return verdict(edu_test_rules(device));
    if (strcmp(what, "stray") == 0 && argc == 3 && parse_u32(argv[2], &number))
        return edu_stray(device, number, 64);
    u64 bus;
    if ((strcmp(what, "fetch") == 0 || strcmp(what, "store") == 0) && argc > 2 && parse_u64(argv[2], &bus) &&
        shell_number(argc, argv, 3, EDU_DMA_MAX, &number)) {
        if (number == 0 || number > EDU_DMA_MAX || bus >> 32)
            return "1 to 4092 bytes, below 4 GiB";
        failure reason = edu_use(device, EDU_POLL);
        return reason ? reason : edu_transfer(device, (u32)bus, number, what[0] == 's');
    }
    if (strcmp(what, "latency") == 0 && shell_number(argc, argv, 2, 64, &number))
        return edu_latency(device, number);
    return usage_error;
}

static failure command_nvme(u32 argc, const char *const *argv)
{
    u32 lba, address;
    u64 bus;

    if (argc == 4 && strcmp(argv[1], "store") == 0 && parse_u64(argv[2], &bus) && parse_u32(argv[3], &lba))
        return nvme_store(bus, lba);
    if (argc == 4 && strcmp(argv[1], "fetch") == 0 && parse_u64(argv[2], &bus) && parse_u32(argv[3], &lba))
        return nvme_fetch(bus, lba);
    if (argc == 1 || (argc == 2 && strcmp(argv[1], "identify") == 0))
        return nvme_identify();
    if (argc < 3 || argc > 4 || !parse_u32(argv[2], &lba) || !shell_number(argc, argv, 3, 0, &address))
        return usage_error;
    if (strcmp(argv[1], "read") == 0)
        return nvme_read(lba, address);
    if (strcmp(argv[1], "write") == 0 && argc == 4)
        return nvme_write(lba, address);
    if (strcmp(argv[1], "stray") == 0) {
        /* nvme stray ADDRESS [LBA] */
        return nvme_stray(lba, address);
    }
    return usage_error;
}

static failure command_mac(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    check_reset();
    mac_check();
    return verdict(check_failed() == 0);
}

const struct shell_command commands_devices[] = {
    {"edu", "ident|fact N|dma [N]|msi|intx", "the educational device", command_edu},
    {"edu", "rules|stray ADDRESS|latency [N]", "decode and bus master off; DMA to any address; MSI time", command_edu},
    {"edu", "fetch|store BUS-ADDRESS [N]", "one transfer to or from the device's buffer", command_edu},
    {"nvme", "identify|read LBA [ADDRESS]", "the NVMe disk, by queues and MSI-X", command_nvme},
    {"nvme", "write LBA ADDRESS|stray ADDRESS", "write a block; read a block to any bus address", command_nvme},
    {"nvme", "fetch|store BUS-ADDRESS LBA", "a block to the disk, or from it", command_nvme},
    {"mac", "", "MAC addresses of e1000e and virtio-net", command_mac},
};
const u32 commands_devices_count = ARRAY_LENGTH(commands_devices);
