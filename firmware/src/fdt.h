/* A small reader of flattened device trees (Devicetree Specification 0.4, chapter 5). A node is the offset of its
 * FDT_BEGIN_NODE token in the structure block; FDT_NONE when there is none. */
#ifndef ARMEMU_FDT_H
#define ARMEMU_FDT_H

#include "types.h"

#define FDT_NONE 0xffffffffu

/* Answers false when there is no device tree at this address. */
bool fdt_open(const void *blob);
/* The first node after `after` (FDT_NONE: from the root on) whose compatible list contains the name. */
u32 fdt_compatible(u32 after, const char *name);
/* The first node after `after` whose property `property` is the string `value`. */
u32 fdt_with_string(u32 after, const char *property, const char *value);
u32 fdt_with_phandle(u32 phandle);
/* The node with this absolute path, each part with or without its unit address. */
u32 fdt_path(const char *path);
u32 fdt_parent(u32 node);
const char *fdt_name(u32 node);
const void *fdt_property(u32 node, const char *name, u32 *length);
const char *fdt_string(u32 node, const char *name);
u32 fdt_cell(const void *property, u32 index);
/* A one-cell property, or `missing`. */
u32 fdt_u32(u32 node, const char *name, u32 missing);
/* Entry `index` of reg, by the parent's cell counts. False when absent or beyond 4 GiB. */
bool fdt_reg(u32 node, u32 index, u32 *base, u32 *size);
/* The first node after `after` with this parent. */
u32 fdt_child(u32 parent, u32 after);

#endif
