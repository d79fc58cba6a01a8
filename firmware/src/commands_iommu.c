/* The prompt's commands for the SMMU before the PCI functions. */
#include "check.h"
#include "commands.h"
#include "iommu.h"
#include "nvme.h"
#include "print.h"
#include "str.h"

static const char usage_error[] = "wrong arguments, see help";

/* The index of a word in a list, or its length. */
static u32 word_index(const char *word, const char *const *words, u32 count)
{
    u32 i = 0;
    while (i < count && strcmp(word, words[i]) != 0)
        i++;
    return i;
}

static failure print_faults(void)
{
    struct iommu_fault fault;
    char text[96];

    for (u32 count = 0; iommu_take_fault(&fault); count++) {
        iommu_describe(&fault, text, sizeof text);
        print("%s\n", text);
    }
    print("%u interrupts\n", iommu_interrupts);
    return NULL;
}

/* smmu VERB FUNCTION ..., argv[2] on. */
static failure for_function(const char *verb, const struct pci_device *device, u32 argc, const char *const *argv)
{
    static const char *const streams[] = {"translate", "bypass", "refuse", "unknown"};
    static const char *const rights[] = {"rw", "ro"};
    const char *last = argv[argc - 1];
    u32 size, physical, index;
    u64 iova;

    if (strcmp(verb, "attach") == 0 && argc == 4) {
        index = word_index(last, iopt_format_names, IOPT_FORMATS);
        return index < IOPT_FORMATS ? iommu_attach(device, index) : usage_error;
    }
    if (strcmp(verb, "stream") == 0 && argc == 4) {
        index = word_index(last, streams, ARRAY_LENGTH(streams));
        return index < ARRAY_LENGTH(streams) ? iommu_set_stream(device, index) : usage_error;
    }
    if (argc < 5 || !parse_u64(argv[3], &iova) || !parse_u32(argv[4], &size))
        return usage_error;
    if (strcmp(verb, "unmap") == 0 && argc == 5)
        return iommu_unmap(device, iova, size);
    index = word_index(last, rights, ARRAY_LENGTH(rights));
    if (index == ARRAY_LENGTH(rights))
        return usage_error;
    if (strcmp(verb, "protect") == 0 && argc == 6)
        return iommu_protect(device, iova, size, index);
    if (strcmp(verb, "map") == 0 && argc == 7 && parse_u32(argv[5], &physical))
        return iommu_map(device, iova, physical, size, index);
    return usage_error;
}

static failure command_smmu(u32 argc, const char *const *argv)
{
    u16 bdf;
    u64 bus;

    if (argc == 2 && strcmp(argv[1], "check") == 0) {
        check_reset();
        iommu_check();
        return check_failed() ? "a check failed" : NULL;
    }
    if (argc == 2 && strcmp(argv[1], "faults") == 0)
        return print_faults();
    if (argc == 2 && strcmp(argv[1], "off") == 0) {
        iommu_stop();
        return NULL;
    }
    if (argc == 3 && strcmp(argv[1], "nvme") == 0 && parse_u64(argv[2], &bus)) {
        const struct pci_device *nvme = nvme_find();
        u32 size, memory = nvme_memory(&size);
        failure reason = nvme ? iommu_map(nvme, bus, memory, size, IOPT_READ_WRITE) : "no NVMe controller (class 0108)";
        return reason ? reason : nvme_restart(bus);
    }
    if (argc < 4 || !pci_parse_bdf(argv[2], &bdf))
        return usage_error;
    const struct pci_device *device = pci_at(bdf);
    return device ? for_function(argv[1], device, argc, argv) : "no such device";
}

const struct shell_command commands_iommu[] = {
    {"smmu", "attach FUNCTION short|long|aarch64", "put a function behind the SMMU, nothing mapped", command_smmu},
    {"smmu", "map FUNCTION IOVA SIZE ADDRESS rw|ro", "map a window", command_smmu},
    {"smmu", "unmap FUNCTION IOVA SIZE", "and invalidate", command_smmu},
    {"smmu", "protect FUNCTION IOVA SIZE rw|ro", "and invalidate", command_smmu},
    {"smmu", "stream FUNCTION translate|bypass|refuse|unknown", "what its stream comes to", command_smmu},
    {"smmu", "nvme IOVA", "map the NVMe queues there, start the disk", command_smmu},
    {"smmu", "faults|off|check", "what was recorded; bypass; every check", command_smmu},
};
const u32 commands_iommu_count = ARRAY_LENGTH(commands_iommu);
