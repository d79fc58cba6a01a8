/* The prompt's commands of this image; those for the SMMU are the embedded firmware's. */
#include "../src/commands.h"

#include "../src/iommu.h"
#include "../src/nvme.h"
#include "../src/power.h"
#include "../src/print.h"
#include "../src/str.h"
#include "../src/timer.h"
#include "e1000e_loop.h"

static const char usage_error[] = "wrong arguments, see help";

/* Where `translate` puts the devices' memory, and where `edits` maps its page. */
#define NVME_IOVA 0x1290000000ull
#define NVME_IOVA_32 0x90000000ull
#define EDIT_DISTANCE 0x100000u

/* What the card's memory is for it. */
static u64 card_bus;
static u64 drive_iova;

static void report(const char *what, u32 count, u32 microseconds)
{
    print("%s: %u in %u us, %u per second\n", what, count, microseconds,
          microseconds ? (u32)((u64)count * 1000000 / microseconds) : 0);
}

/* Maps a device's memory and nothing else. */
static failure put_behind(const struct pci_device *device, u32 memory, u32 size, u64 iova, enum iopt_format format)
{
    failure reason = iommu_attach(device, format);
    return reason ? reason : iommu_map(device, iova, memory, size, IOPT_READ_WRITE);
}

static failure command_translate(u32 argc, const char *const *argv)
{
    u32 format = 0, size, memory;
    failure reason = NULL;
    bool found = false;

    while (format < IOPT_FORMATS && (argc != 2 || strcmp(argv[1], iopt_format_names[format]) != 0))
        format++;
    if (format == IOPT_FORMATS)
        return usage_error;
    u64 iova = format == IOPT_AARCH64 ? NVME_IOVA : NVME_IOVA_32;
    const struct pci_device *drive = nvme_find(), *card = e1000e_find();
    if (drive) {
        found = true;
        memory = nvme_memory(&size);
        drive_iova = iova;
        if ((reason = put_behind(drive, memory, size, iova, format)) || (reason = nvme_restart(iova)))
            return reason;
    }
    if (card) {
        found = true;
        memory = e1000e_memory(&size);
        card_bus = iova + MIB * 2;
        reason = put_behind(card, memory, size, card_bus, format);
    }
    return found ? reason : "neither NVMe nor e1000e";
}

static failure command_reads(u32 argc, const char *const *argv)
{
    u32 count, depth, microseconds;

    if (argc < 2 || argc > 3 || !parse_u32(argv[1], &count) || !shell_number(argc, argv, 2, 1, &depth))
        return usage_error;
    failure reason = nvme_read_randomly(count, depth, &microseconds);
    if (!reason)
        report("reads", count, microseconds);
    return reason;
}

static failure command_frames(u32 argc, const char *const *argv)
{
    u32 count, length, microseconds, size;

    if (argc < 2 || argc > 3 || !parse_u32(argv[1], &count) || !shell_number(argc, argv, 2, 1514, &length))
        return usage_error;
    failure reason = e1000e_loop(card_bus ? card_bus : e1000e_memory(&size), count, length, &microseconds);
    if (!reason)
        report("frames", count, microseconds);
    return reason;
}

/* Each is a store of a descriptor and what makes it count: a barrier, or an invalidation that is waited for. */
static failure command_edits(u32 argc, const char *const *argv)
{
    u32 count, size, memory = nvme_memory(&size);
    const struct pci_device *drive = nvme_find();

    if (argc != 2 || !parse_u32(argv[1], &count))
        return usage_error;
    if (!drive)
        return "no NVMe controller (class 0108)";
    u64 iova = drive_iova + EDIT_DISTANCE;
    /* The table is made before. */
    failure reason = iommu_map(drive, iova, memory, PAGE_SIZE, IOPT_READ_WRITE);
    if (!reason)
        reason = iommu_unmap(drive, iova, PAGE_SIZE);
    u64 begin = timer_ticks();
    for (u32 i = 0; i < count / 2 && !reason; i++) {
        reason = iommu_map(drive, iova, memory, PAGE_SIZE, IOPT_READ_WRITE);
        if (!reason)
            reason = iommu_unmap(drive, iova, PAGE_SIZE);
    }
    if (!reason)
        report("edits", count & ~1u, timer_ticks_to_us(timer_ticks() - begin));
    return reason;
}

static failure command_poweroff(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    power_off();
}

const struct shell_command commands_board[] = {
    {"translate", "short|long|aarch64", "the drive and the card behind the SMMU, at other addresses", command_translate},
    {"poweroff", "", "switch off", command_poweroff},
};
const u32 commands_board_count = ARRAY_LENGTH(commands_board);

const struct shell_command commands_devices[] = {
    {"reads", "COUNT [DEPTH]", "random reads of 4 KiB from the NVMe drive, by MSI-X", command_reads},
    {"frames", "COUNT [LENGTH]", "frames through the e1000e and back", command_frames},
    {"edits", "COUNT", "edits of the drive's table: a page mapped, and unmapped", command_edits},
};
const u32 commands_devices_count = ARRAY_LENGTH(commands_devices);
