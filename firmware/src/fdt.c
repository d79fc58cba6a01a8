#include "fdt.h"

#include "str.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u
#define FDT_END 9u

/* Header words, chapter 5.2. */
enum { HEADER_MAGIC, HEADER_TOTALSIZE, HEADER_OFF_STRUCT, HEADER_OFF_STRINGS, HEADER_OFF_RSVMAP, HEADER_VERSION, HEADER_LAST_COMP };

static const u32 *structure;
static const char *strings;

static u32 big(u32 value)
{
    return __builtin_bswap32(value);
}

bool fdt_open(const void *blob)
{
    const u32 *header = blob;

    if (big(header[HEADER_MAGIC]) != FDT_MAGIC || big(header[HEADER_LAST_COMP]) > 17)
        return false;
    structure = (const u32 *)((u32)blob + big(header[HEADER_OFF_STRUCT]));
    strings = (const char *)blob + big(header[HEADER_OFF_STRINGS]);
    return true;
}

/* Words taken by the token at `at`. */
static u32 token_words(u32 at)
{
    switch (big(structure[at])) {
    case FDT_BEGIN_NODE:
        return 1 + ((u32)strlen((const char *)&structure[at + 1]) + 4) / 4;
    case FDT_PROP:
        return 3 + (big(structure[at + 1]) + 3) / 4;
    default:
        return 1;
    }
}

static u32 next_node(u32 node)
{
    u32 at = node == FDT_NONE ? 0 : node + token_words(node);

    for (;; at += token_words(at)) {
        u32 token = big(structure[at]);
        if (token == FDT_BEGIN_NODE)
            return at;
        if (token == FDT_END)
            return FDT_NONE;
    }
}

const char *fdt_name(u32 node)
{
    return (const char *)&structure[node + 1];
}

const void *fdt_property(u32 node, const char *name, u32 *length)
{
    for (u32 at = node + token_words(node);; at += token_words(at)) {
        u32 token = big(structure[at]);
        if (token == FDT_NOP)
            continue;
        if (token != FDT_PROP)
            return NULL;
        if (strcmp(strings + big(structure[at + 2]), name) == 0) {
            *length = big(structure[at + 1]);
            return &structure[at + 3];
        }
    }
}

const char *fdt_string(u32 node, const char *name)
{
    u32 length;
    const char *text = node == FDT_NONE ? NULL : fdt_property(node, name, &length);
    return text && length > 0 && text[length - 1] == 0 ? text : NULL;
}

u32 fdt_cell(const void *property, u32 index)
{
    return big(((const u32 *)property)[index]);
}

u32 fdt_u32(u32 node, const char *name, u32 missing)
{
    u32 length;
    const void *cells = node == FDT_NONE ? NULL : fdt_property(node, name, &length);
    return cells && length >= 4 ? fdt_cell(cells, 0) : missing;
}

u32 fdt_compatible(u32 after, const char *name)
{
    for (u32 node = next_node(after); node != FDT_NONE; node = next_node(node)) {
        u32 length;
        const char *list = fdt_property(node, "compatible", &length);
        for (u32 at = 0; list && at < length; at += (u32)strlen(list + at) + 1) {
            if (strcmp(list + at, name) == 0)
                return node;
        }
    }
    return FDT_NONE;
}

u32 fdt_with_string(u32 after, const char *property, const char *value)
{
    for (u32 node = next_node(after); node != FDT_NONE; node = next_node(node)) {
        const char *text = fdt_string(node, property);
        if (text && strcmp(text, value) == 0)
            return node;
    }
    return FDT_NONE;
}

u32 fdt_with_phandle(u32 phandle)
{
    for (u32 node = next_node(FDT_NONE); node != FDT_NONE; node = next_node(node)) {
        if (fdt_u32(node, "phandle", 0) == phandle)
            return node;
    }
    return FDT_NONE;
}

u32 fdt_parent(u32 node)
{
    u32 path[16];
    u32 depth = 0;

    for (u32 at = 0; at <= node; at += token_words(at)) {
        u32 token = big(structure[at]);
        if (token == FDT_BEGIN_NODE) {
            if (at == node)
                return depth > 0 ? path[depth - 1] : FDT_NONE;
            if (depth < ARRAY_LENGTH(path))
                path[depth] = at;
            depth++;
        } else if (token == FDT_END_NODE) {
            depth--;
        }
    }
    return FDT_NONE;
}

u32 fdt_child(u32 parent, u32 after)
{
    u32 node = after == FDT_NONE ? parent : after;

    for (node = next_node(node); node != FDT_NONE; node = next_node(node)) {
        if (fdt_parent(node) == parent)
            return node;
    }
    return FDT_NONE;
}

u32 fdt_path(const char *path)
{
    u32 node = 0;

    while (*path == '/') {
        path++;
        u32 length = 0;
        while (path[length] && path[length] != '/')
            length++;
        if (length == 0)
            break;
        u32 child = fdt_child(node, FDT_NONE);
        for (; child != FDT_NONE; child = fdt_child(node, child)) {
            const char *name = fdt_name(child);
            if (strncmp(name, path, length) == 0 && (name[length] == 0 || name[length] == '@'))
                break;
        }
        if (child == FDT_NONE)
            return FDT_NONE;
        node = child;
        path += length;
    }
    return node;
}

bool fdt_reg(u32 node, u32 index, u32 *base, u32 *size)
{
    u32 length;
    u32 parent = node == FDT_NONE ? FDT_NONE : fdt_parent(node);
    const void *cells = parent == FDT_NONE ? NULL : fdt_property(node, "reg", &length);
    if (!cells)
        return false;
    u32 address_cells = fdt_u32(parent, "#address-cells", 2);
    u32 size_cells = fdt_u32(parent, "#size-cells", 1);
    u32 at = index * (address_cells + size_cells);
    if (address_cells == 0 || (at + address_cells + size_cells) * 4 > length)
        return false;
    if (address_cells == 2 && fdt_cell(cells, at) != 0)
        return false;
    *base = fdt_cell(cells, at + address_cells - 1);
    *size = size_cells == 0 ? 0 : fdt_cell(cells, at + address_cells + size_cells - 1);
    if (size_cells == 2 && fdt_cell(cells, at + address_cells) != 0)
        *size = 0u - *base; /* as much as a 32-bit address reaches */
    return true;
}
