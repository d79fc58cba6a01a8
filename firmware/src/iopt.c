#include "iopt.h"

#include "str.h"

/* Short descriptors, DDI 0406C B3.5.1. */
#define SHORT_TABLE 1u
#define SHORT_LEAF 2u
#define SHORT_TYPE 3u
#define SHORT_SECTION_NORMAL ((1u << 16) | (1u << 12) | (3u << 10) | (3u << 2))
#define SHORT_SECTION_READ_ONLY (1u << 15)
#define SHORT_PAGE_NORMAL ((1u << 10) | (1u << 6) | (3u << 4) | (3u << 2))
#define SHORT_PAGE_READ_ONLY (1u << 9)
#define SHORT_TABLE_ADDRESS 0xfffffc00u
/* Long descriptors, B3.6.1 and B3.6.2: access flag, inner shareable, access at any privilege. */
#define LONG_BLOCK 1u
#define LONG_TABLE_OR_PAGE 3u
#define LONG_TYPE 3u
#define LONG_NORMAL ((1u << 10) | (3u << 8) | (1u << 6))
#define LONG_READ_ONLY (1u << 7)
#define LONG_TABLE_ADDRESS 0xfffff000u

#define PAGE_SHIFT 12u

const char *const iopt_format_names[IOPT_FORMATS] = {"short", "long", "aarch64"};

/* A descriptor's place; a leaf there covers 1 << shift bytes. */
struct place {
    u8 *table;
    u32 index, shift;
};

static bool is_short(const struct iopt *tables)
{
    return tables->format == IOPT_SHORT;
}

static u64 get(const struct iopt *tables, const struct place *place)
{
    return is_short(tables) ? ((u32 *)place->table)[place->index] : ((u64 *)place->table)[place->index];
}

/* With the Large Physical Address Extension STRD is one access (A3.5.3): no walk sees half a descriptor. */
static void put(const struct iopt *tables, const struct place *place, u64 descriptor)
{
    if (is_short(tables))
        ((volatile u32 *)place->table)[place->index] = (u32)descriptor;
    else
        __asm__ volatile("strd %Q0, %R0, [%1]" : : "r"(descriptor), "r"(place->table + 8 * place->index) : "memory");
}

static bool is_table(const struct iopt *tables, u64 descriptor, u32 shift)
{
    if (is_short(tables))
        return shift != PAGE_SHIFT && (descriptor & SHORT_TYPE) == SHORT_TABLE;
    return shift != PAGE_SHIFT && (descriptor & LONG_TYPE) == LONG_TABLE_OR_PAGE;
}

static struct place place_in(u8 *table, u64 iova, u32 shift, u32 entries)
{
    return (struct place){table, (u32)(iova >> shift) & (entries - 1), shift};
}

static struct place top(struct iopt *tables, u64 iova)
{
    return is_short(tables) ? place_in(tables->root, iova, 20, 4096) : place_in(tables->root, iova, 30, 512);
}

static struct place below(const struct iopt *tables, u64 descriptor, u64 iova, u32 shift)
{
    if (is_short(tables))
        return place_in((u8 *)((u32)descriptor & SHORT_TABLE_ADDRESS), iova, PAGE_SHIFT, 256);
    return place_in((u8 *)((u32)descriptor & LONG_TABLE_ADDRESS), iova, shift - 9, 512);
}

static u64 leaf(const struct iopt *tables, u32 physical, u32 shift)
{
    if (is_short(tables))
        return physical | SHORT_LEAF | (shift == PAGE_SHIFT ? SHORT_PAGE_NORMAL : SHORT_SECTION_NORMAL);
    return physical | LONG_NORMAL | (shift == PAGE_SHIFT ? LONG_TABLE_OR_PAGE : LONG_BLOCK);
}

static u64 with_rights(const struct iopt *tables, u64 descriptor, u32 shift, enum iopt_rights rights)
{
    u64 read_only = !is_short(tables) ? LONG_READ_ONLY : shift == PAGE_SHIFT ? SHORT_PAGE_READ_ONLY : SHORT_SECTION_READ_ONLY;
    return rights == IOPT_READ_ONLY ? descriptor | read_only : descriptor & ~read_only;
}

static bool has_address(const struct iopt *tables, u64 iova)
{
    return iova >> (tables->format == IOPT_AARCH64 ? IOPT_AARCH64_INPUT_BITS : 32) == 0;
}

void iopt_start(struct iopt *tables, enum iopt_format format)
{
    memset(tables->root, 0, sizeof tables->root);
    tables->format = format;
    tables->used = 0;
}

static u64 new_table(struct iopt *tables)
{
    if (tables->used == IOPT_TABLES)
        return 0;
    u8 *table = tables->tables[tables->used++];
    memset(table, 0, PAGE_SIZE);
    return (u32)table | (is_short(tables) ? SHORT_TABLE : LONG_TABLE_OR_PAGE);
}

/* Maps one leaf; answers its size through `size`, which is the most that it may have. */
static failure map_leaf(struct iopt *tables, u64 iova, u32 physical, u32 *size, enum iopt_rights rights)
{
    struct place place = top(tables, iova);

    for (;;) {
        u64 descriptor = get(tables, &place);
        u32 span = 1u << place.shift;
        if (!is_table(tables, descriptor, place.shift)) {
            if (descriptor != 0)
                return "mapped already";
            if ((((u32)iova | physical) & (span - 1)) == 0 && *size >= span)
                break;
            descriptor = new_table(tables);
            if (descriptor == 0)
                return "no room for another table";
            put(tables, &place, descriptor);
        }
        place = below(tables, descriptor, iova, place.shift);
    }
    *size = 1u << place.shift;
    put(tables, &place, with_rights(tables, leaf(tables, physical, place.shift), place.shift, rights));
    return NULL;
}

failure iopt_map(struct iopt *tables, u64 iova, u32 physical, u32 size, enum iopt_rights rights)
{
    if (size == 0 || (((u32)iova | physical | size) & (PAGE_SIZE - 1)) != 0)
        return "not pages of 4 KiB";
    if (!has_address(tables, iova + (size - 1)))
        return "beyond the input addresses of the format";
    while (size != 0) {
        u32 done = size;
        failure reason = map_leaf(tables, iova, physical, &done, rights);
        if (reason)
            return reason;
        iova += done;
        physical += done;
        size -= done;
    }
    return NULL;
}

static bool find_leaf(struct iopt *tables, u64 iova, struct place *place)
{
    if (!has_address(tables, iova))
        return false;
    *place = top(tables, iova);
    u64 descriptor = get(tables, place);
    while (is_table(tables, descriptor, place->shift)) {
        *place = below(tables, descriptor, iova, place->shift);
        descriptor = get(tables, place);
    }
    return descriptor != 0;
}

u32 iopt_unmap_leaf(struct iopt *tables, u64 iova)
{
    struct place place;
    if (!find_leaf(tables, iova, &place))
        return 0;
    put(tables, &place, 0);
    return 1u << place.shift;
}

u32 iopt_protect_leaf(struct iopt *tables, u64 iova, enum iopt_rights rights)
{
    struct place place;
    if (!find_leaf(tables, iova, &place))
        return 0;
    put(tables, &place, with_rights(tables, get(tables, &place), place.shift, rights));
    return 1u << place.shift;
}
