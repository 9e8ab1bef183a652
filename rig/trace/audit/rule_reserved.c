/*
 * Descriptors that say what they must not: reserved bits, reserved encodings, addresses that do not
 * fit (DDI 0487 tables D8-50 and D8-52).
 *
 * No finding are the bits that the architecture has the hardware ignore and leaves to software:
 * 63 and 58:55 of leaves, 58:51 and 11:2 of tables, 62:59 of leaves while PBHA is not enabled, and
 * DBM while hardware does not manage dirty state (kernels keep their own "writable" there).
 */
#include <stdio.h>

#include "audit_rule.h"
#include "sysregs.h"

enum {
    LEAF_RESERVED,
    TABLE_RESERVED,
    LEAF_MEANINGLESS,
    TABLE_MEANINGLESS,
    LEAF_RES1,
    SHAREABILITY,
    MEMORY_TYPE,
    NO_BLOCK,
    NO_PAGE,
    LEAF_ADDRESS,
    TABLE_ADDRESS,
};

#define FUTURE "another CPU, or the next version of this one, may give them a meaning"

static const struct audit_message MESSAGES[] = {
    [LEAF_RESERVED] = {AUDIT_ERROR, "reserved bits of a leaf are set", FUTURE, "write them as 0"},
    [TABLE_RESERVED] = {AUDIT_ERROR, "reserved bits of a table descriptor are set", FUTURE,
                        "write them as 0"},
    [LEAF_MEANINGLESS] = {AUDIT_NOTE,
                          "bits of a leaf are set that have no meaning for this CPU, regime or "
                          "Security state",
                          "they are reserved here, and mean something where the feature is",
                          "write them as 0 unless the feature is there"},
    [TABLE_MEANINGLESS] = {AUDIT_NOTE,
                           "bits of a table descriptor are set that have no meaning for this "
                           "regime or Security state",
                           "they are reserved here", "write them as 0"},
    [LEAF_RES1] = {AUDIT_NOTE, "AP[1] is clear", "it is RES1 in a regime with one privilege level",
                   "write it as 1"},
    [SHAREABILITY] = {AUDIT_ERROR, "the shareability is 0b01, which is reserved",
                      "each CPU may take it for another one, and caches may not agree",
                      "use 0b11 (inner), 0b10 (outer) or 0b00 (non-shareable)"},
    [MEMORY_TYPE] = {AUDIT_ERROR, "the memory attribute it selects is a reserved encoding",
                     "each CPU may take it for another memory type",
                     "select an attribute that MAIR_ELx defines, or define this one"},
    [NO_BLOCK] = {AUDIT_ERROR, "a block descriptor at a level that has no blocks",
                  "it is treated as invalid: accesses fault, though somebody meant to map memory",
                  "map with a table, or with blocks at a level below"},
    [NO_PAGE] = {AUDIT_ERROR, "a level 3 descriptor without bit 1",
                 "it is treated as invalid: accesses fault, though somebody meant to map a page",
                 "set bit 1, or clear bit 0"},
    [LEAF_ADDRESS] = {AUDIT_ERROR, "the output address is beyond the configured address size",
                      "every access ends in an address size fault",
                      "correct the address, or raise TCR_ELx.IPS (PS)"},
    [TABLE_ADDRESS] = {AUDIT_ERROR, "the table's address is beyond the configured address size",
                       "every access below ends in an address size fault",
                       "correct the address, or raise TCR_ELx.IPS (PS)"},
};

enum { LAST_LEVEL = 3, NT_BIT = 16, OA_TOP = 48, GRANULE_16K = 14, GRANULE_64K = 16 };

/* Bits high..low. */
static uint64_t bits(unsigned high, unsigned low)
{
    return high < low ? 0 : (UINT64_MAX >> (63 - high)) & (UINT64_MAX << low);
}

/* Address bits below a granule: bits 15:12 hold the top of a 52-bit address if there are such. */
static uint64_t below_granule(const struct audit_scene *scene, unsigned granule_bits)
{
    return audit_scene_pa52(scene, granule_bits) ? 0 : bits(granule_bits - 1, 12);
}

static uint64_t leaf_reserved(const struct audit_scene *scene, const struct audit_leaf *leaf)
{
    uint64_t mask = bits(49, OA_TOP);

    if (leaf->level == LAST_LEVEL) {
        return mask | below_granule(scene, leaf->granule_bits);
    }
    mask |= bits((unsigned)__builtin_ctzll(leaf->size) - 1, NT_BIT + 1);
    if (!audit_scene_pa52(scene, leaf->granule_bits)) {
        mask |= bits(NT_BIT - 1, 12);
    }
    if (leaf->granule_bits == GRANULE_64K && leaf->level == 1) {
        mask |= DESC_LEAF_CONTIGUOUS_BIT; /* D8.7.1: no groups of these blocks */
    }
    return mask;
}

/* ID_AA64MMFR2_EL1.BBM, bits 55:52: 1 and above have the nT bit. */
static bool has_nt(const struct audit_scene *scene)
{
    return (scene->regs.id_aa64mmfr2 & bits(55, 52)) != 0;
}

/* ID_AA64PFR1_EL1.BT, bits 3:0. Not every debugger shows that register: then nothing is said. */
static bool lacks_bti(const struct audit_scene *scene)
{
    uint64_t value;

    return snapshot_register(scene->snapshot, "ID_AA64PFR1_EL1", &value) &&
           (value & bits(3, 0)) == 0;
}

static uint64_t leaf_meaningless(const struct audit_scene *scene, const struct audit_leaf *leaf)
{
    uint64_t mask = DESC_LEAF_NS_BIT; /* RES0 outside Secure state */

    if (leaf->level != LAST_LEVEL && !has_nt(scene)) {
        mask |= bits(NT_BIT, NT_BIT);
    }
    if (scene->el2) {
        mask |= DESC_LEAF_PXN_BIT | DESC_LEAF_NG_BIT;
    }
    if ((leaf->descriptor & DESC_LEAF_GP_BIT) != 0 && lacks_bti(scene)) {
        mask |= DESC_LEAF_GP_BIT;
    }
    return mask;
}

static void report_leaf(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf,
                        uint64_t argument)
{
    struct audit_finding finding =
        audit_leaf_finding(rule->scene, leaf, leaf->first_va, leaf->last_va);

    finding.argument = argument;
    audit_report(rule, message, finding);
}

static void judge_leaf(struct audit_rule *rule, const struct audit_leaf *leaf)
{
    uint64_t reserved = leaf->descriptor & leaf_reserved(rule->scene, leaf);
    uint64_t meaningless = leaf->descriptor & leaf_meaningless(rule->scene, leaf);
    struct audit_class class;

    if (reserved != 0) {
        report_leaf(rule, LEAF_RESERVED, leaf, reserved);
    }
    if (meaningless != 0) {
        report_leaf(rule, LEAF_MEANINGLESS, leaf, meaningless);
    }
    if (rule->scene->el2 && (leaf->descriptor & DESC_LEAF_AP_ALL_RW) == 0) {
        report_leaf(rule, LEAF_RES1, leaf, DESC_LEAF_AP_ALL_RW);
    }
    if (!audit_class_of(&leaf->attr, &class)) {
        report_leaf(rule, MEMORY_TYPE, leaf, leaf->attr.mair_attr);
    } else if (class.shareability == 1) {
        report_leaf(rule, SHAREABILITY, leaf, 0);
    }
    if (leaf->fits == 0) {
        report_leaf(rule, LEAF_ADDRESS, leaf, leaf->descriptor & DESC_LEAF_OA_MASK);
    }
}

static void judge_table(struct audit_rule *rule, const struct audit_table *table)
{
    const struct audit_scene *scene = rule->scene;
    struct audit_finding finding = audit_table_finding(table);
    uint64_t reserved = bits(50, OA_TOP) | below_granule(scene, table->granule_bits);
    uint64_t meaningless = DESC_TABLE_NSTABLE_BIT;

    if (scene->el2) {
        meaningless |= DESC_TABLE_PXNTABLE_BIT | DESC_TABLE_APTABLE_NO_EL0;
    }
    finding.argument = table->descriptor & reserved;
    if (finding.argument != 0) {
        audit_report(rule, TABLE_RESERVED, finding);
    }
    finding.argument = table->descriptor & meaningless;
    if (finding.argument != 0) {
        audit_report(rule, TABLE_MEANINGLESS, finding);
    }
    if (table->status == RIG_WALK_FAULT_ADDRESS_SIZE) {
        finding.argument = table->descriptor & DESC_TABLE_NEXT_MASK;
        audit_report(rule, TABLE_ADDRESS, finding);
    }
}

static void judge(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;

    for (size_t i = 0; i < scene->leaf_count; i++) {
        rule->subjects += scene->leaves[i].count;
        judge_leaf(rule, &scene->leaves[i]);
    }
    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].root == 0) {
            rule->subjects++;
            judge_table(rule, &scene->tables[i]);
        }
    }
    for (size_t i = 0; i < scene->reserved_count; i++) {
        const struct audit_reserved *item = &scene->reserved[i];
        struct audit_finding finding = audit_gap_finding(item->first_va, item->last_va);

        finding.argument = item->descriptor;
        rule->subjects++;
        audit_report(rule, item->level == LAST_LEVEL ? NO_PAGE : NO_BLOCK, finding);
    }
}

/* "bits 49:48, 16" */
static void put_bits(uint64_t mask, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "bit%s", (mask & (mask - 1)) == 0 ? "" : "s");

    for (int high = 63; high >= 0 && at < size; high--) {
        int low = high;

        if ((mask >> high & 1) == 0) {
            continue;
        }
        while (low > 0 && (mask >> (low - 1) & 1) != 0) {
            low--;
        }
        at += (size_t)(low == high ? snprintf(text + at, size - at, " %d", high)
                                   : snprintf(text + at, size - at, " %d:%d", high, low));
        high = low;
    }
}

static void particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                        char *text, size_t size)
{
    (void)scene;
    switch (finding->message) {
    case LEAF_RESERVED:
    case TABLE_RESERVED:
    case LEAF_MEANINGLESS:
    case TABLE_MEANINGLESS:
        put_bits(finding->argument, text, size);
        break;
    case MEMORY_TYPE:
        snprintf(text, size, "attribute %u of MAIR_ELx is 0x%02x", finding->what.attr_index,
                 (unsigned)finding->argument);
        break;
    case SHAREABILITY:
    case LEAF_RES1:
        break;
    default:
        snprintf(text, size, "descriptor 0x%016llx", (unsigned long long)finding->argument);
        break;
    }
}

const struct audit_rule_module AUDIT_RESERVED_BITS = {
    .info = {.id = "reserved-bits",
             .title = "descriptors hold no reserved bits, encodings or addresses",
             .section = "DDI 0487, D8.3.1 VMSAv8-64 descriptor formats",
             .level_max = AUDIT_ERROR},
    .messages = MESSAGES,
    .judge = judge,
    .particulars = particulars,
};
