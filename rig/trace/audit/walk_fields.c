#include "walk_fields.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "space_map.h"
#include "sysregs.h"

enum { MAIR_ATTR_BITS = 8, MEMORY_TEXT = 96, SOFTWARE_BITS = 4 };

#define FIELD(value, name) (((value)&name##_MASK) >> name##_SHIFT)

/* A list of fields that grows. */
struct list {
    struct walk_field *fields;
    size_t count;
};

__attribute__((format(printf, 5, 6))) static void
add(struct list *list, const char *name, unsigned bits, uint64_t value, const char *format, ...)
{
    struct walk_field *field = &list->fields[list->count++];
    va_list arguments;

    field->name = name;
    field->bits = bits;
    field->value = value;
    va_start(arguments, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above
    vsnprintf(field->means, sizeof(field->means), format, arguments);
    va_end(arguments);
}

/* The same, when the field is set. */
static void add_set(struct list *list, const char *name, uint64_t value, const char *means)
{
    if (value != 0) {
        add(list, name, 1, value, "%s", means);
    }
}

static bool is_el2(const struct rig_walk_regs *regs)
{
    return regs->regime == RIG_WALK_REGIME_EL2;
}

static void add_memory(struct list *list, const struct rig_walk_regs *regs, uint64_t descriptor)
{
    unsigned index = (unsigned)FIELD(descriptor, DESC_LEAF_ATTRINDX);
    uint8_t attr = (uint8_t)(regs->mair >> (index * MAIR_ATTR_BITS));
    char words[MEMORY_TEXT];

    add(list, "AttrIndx", 3, index, "%s (MAIR_EL%d.Attr%u = 0x%02x)",
        space_map_memory_words(attr, words, sizeof(words)), is_el2(regs) ? 2 : 1, index, attr);
}

/* DDI 0487 D8.4, "Direct access permissions". With one level AP[1] is RES1 and says nothing. */
static void add_access(struct list *list, const struct rig_walk_regs *regs, uint64_t descriptor)
{
    static const char *const means[] = {
        "EL1 may read and write, EL0 has no access",
        "EL1 and EL0 may read and write",
        "EL1 may read, EL0 has no access",
        "EL1 and EL0 may read",
    };
    unsigned ap = (unsigned)FIELD(descriptor, DESC_LEAF_AP);

    if (is_el2(regs)) {
        add(list, "AP[2]", 1, ap >> 1, "EL2 may read%s", ap >> 1 == 0 ? " and write" : "");
    } else {
        add(list, "AP[2:1]", 2, ap, "%s", means[ap]);
    }
}

static void add_execution(struct list *list, const struct rig_walk_regs *regs, uint64_t descriptor)
{
    uint64_t pxn = FIELD(descriptor, DESC_LEAF_PXN);
    uint64_t uxn = FIELD(descriptor, DESC_LEAF_UXN);
    bool el0_writes = FIELD(descriptor, DESC_LEAF_AP) == DESC_LEAF_AP_ALL_RW >> DESC_LEAF_AP_SHIFT;

    if (is_el2(regs)) {
        add(list, "XN", 1, uxn, "EL2 may %sexecute", uxn != 0 ? "not " : "");
        return;
    }
    add(list, "PXN", 1, pxn, "%s",
        pxn != 0     ? "EL1 may not execute"
        : el0_writes ? "EL1 may not execute all the same: EL0 may write it"
                     : "EL1 may execute");
    add(list, "UXN", 1, uxn, "EL0 may %sexecute", uxn != 0 ? "not " : "");
}

size_t walk_leaf_fields(const struct rig_walk_regs *regs, uint64_t descriptor,
                        struct walk_field fields[static WALK_FIELDS_MAX])
{
    static const char *const sharing[] = {"not shareable", "reserved", "outer shareable",
                                          "inner shareable"};
    struct list list = {.fields = fields};
    uint64_t sh = FIELD(descriptor, DESC_LEAF_SH);
    uint64_t af = FIELD(descriptor, DESC_LEAF_AF);
    uint64_t ng = FIELD(descriptor, DESC_LEAF_NG);
    uint64_t software = FIELD(descriptor, DESC_LEAF_SOFTWARE);

    add_memory(&list, regs, descriptor);
    add_access(&list, regs, descriptor);
    add(&list, "SH", 2, sh, "%s", sharing[sh]);
    add(&list, "AF", 1, af, "%s", af != 0 ? "accessed" : "not accessed yet");
    if (!is_el2(regs)) {
        add(&list, "nG", 1, ng, "%s", ng != 0 ? "of the current ASID only" : "global");
    }
    add_execution(&list, regs, descriptor);
    add_set(&list, "Contiguous", FIELD(descriptor, DESC_LEAF_CONTIGUOUS),
            "one of a group that a TLB may hold as one");
    add_set(&list, "DBM", FIELD(descriptor, DESC_LEAF_DBM),
            "hardware may clear AP[2] when it is written to");
    add_set(&list, "GP", FIELD(descriptor, DESC_LEAF_GP), "guarded: branch targets are checked");
    add_set(&list, "NS", FIELD(descriptor, DESC_LEAF_NS), "Non-secure, when read in Secure state");
    if (software != 0) {
        add(&list, "software", SOFTWARE_BITS, software, "ignored by hardware");
    }
    return list.count;
}

size_t walk_table_fields(const struct rig_walk_regs *regs, uint64_t descriptor,
                         struct walk_field fields[static WALK_FIELDS_MAX])
{
    struct list list = {.fields = fields};
    bool no_el0 = (descriptor & DESC_TABLE_APTABLE_NO_EL0) != 0;
    bool read_only = (descriptor & DESC_TABLE_APTABLE_READ_ONLY) != 0;

    if (is_el2(regs)) {
        add_set(&list, "APTable[1]", read_only, "nothing below is writable");
        add_set(&list, "XNTable", FIELD(descriptor, DESC_TABLE_UXNTABLE),
                "nothing below is executable");
        return list.count;
    }
    if (no_el0 || read_only) {
        add(&list, "APTable", 2, FIELD(descriptor, DESC_TABLE_APTABLE), "below, %s%s%s",
            no_el0 ? "EL0 has no access" : "", no_el0 && read_only ? " and " : "",
            read_only ? "nothing is writable" : "");
    }
    add_set(&list, "PXNTable", FIELD(descriptor, DESC_TABLE_PXNTABLE),
            "below, EL1 executes nothing");
    add_set(&list, "UXNTable", FIELD(descriptor, DESC_TABLE_UXNTABLE),
            "below, EL0 executes nothing");
    return list.count;
}
