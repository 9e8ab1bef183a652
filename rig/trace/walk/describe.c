/* The walker's answers in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"
#include "sysregs_names.h"

/* A text that grows in the caller's buffer and keeps counting when the buffer is full. */
struct text {
    char *buffer;
    size_t size;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    size_t room = text->length < text->size ? text->size - text->length : 0;
    char *end = room > 0 ? text->buffer + text->length : NULL;
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintf(end, room, format, arguments);
    va_end(arguments);
    text->length += written > 0 ? (size_t)written : 0;
}

static struct text start(char *buffer, size_t size)
{
    if (size > 0) {
        buffer[0] = '\0';
    }
    return (struct text){.buffer = buffer, .size = size};
}

static const char *name_of(const struct sysreg_value_name *names, size_t count, unsigned value)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].value == value) {
            return names[i].text;
        }
    }
    return "reserved";
}

#define NAME_OF(names, value) name_of(names, sizeof(names) / sizeof((names)[0]), (value))

const char *rig_walk_status_text(unsigned status)
{
    static const char *const texts[RIG_WALK_STATUS_COUNT] = {
        [RIG_WALK_OK] = "ok",
        [RIG_WALK_FAULT_TRANSLATION] = "translation fault",
        [RIG_WALK_FAULT_ACCESS_FLAG] = "access flag fault",
        [RIG_WALK_FAULT_ADDRESS_SIZE] = "address size fault",
        [RIG_WALK_FAULT_WALK_DISABLED] = "walks disabled",
        [RIG_WALK_FAULT_HOLE] = "outside both halves",
        [RIG_WALK_READ_FAILED] = "table not readable",
        [RIG_WALK_UNSUPPORTED] = "unsupported",
        [RIG_WALK_STOPPED] = "stopped",
        [RIG_WALK_LIMIT] = "limit reached",
    };
    return status < RIG_WALK_STATUS_COUNT ? texts[status] : "unknown status";
}

size_t rig_walk_shareability_text(uint8_t sh, char *buffer, size_t size)
{
    struct text text = start(buffer, size);

    put(&text, "%s", NAME_OF(desc_leaf_sh_names, sh));
    return text.length;
}

/* Encodings that exist only with a feature, named as such; NULL for the plain ones. */
static const char *special_memory(uint8_t mair_attr)
{
    switch (mair_attr) {
    case MAIR_ATTR_WHOLE_NON_CACHEABLE_XS0:
        return "Normal, Non-cacheable, XS = 0 (needs FEAT_XS)";
    case MAIR_ATTR_WHOLE_WRITE_THROUGH_XS0:
        return "Normal, Write-Through, read-allocate, XS = 0 (needs FEAT_XS)";
    case MAIR_ATTR_WHOLE_TAGGED:
        return "Normal, Write-Back, read/write-allocate, tagged (needs FEAT_MTE2)";
    default:
        return NULL;
    }
}

static void put_memory(struct text *text, uint8_t mair_attr)
{
    unsigned outer = (unsigned)RW_FIELD(mair_attr, MAIR_ATTR_OUTER);
    unsigned inner = (unsigned)RW_FIELD(mair_attr, MAIR_ATTR_INNER);
    unsigned variant = mair_attr & MAIR_ATTR_VARIANT_MASK;
    const char *special = special_memory(mair_attr);

    if (special != NULL) {
        put(text, "%s", special);
    } else if (outer == 0 && variant <= MAIR_ATTR_VARIANT_XS0) {
        put(text, "%s%s",
            NAME_OF(mair_attr_device_names, (unsigned)RW_FIELD(mair_attr, MAIR_ATTR_DEVICE)),
            variant == MAIR_ATTR_VARIANT_XS0 ? ", XS = 0 (needs FEAT_XS)" : "");
    } else if (outer == 0 || inner == 0) {
        put(text, "reserved memory type (MAIR attribute 0x%02x)", mair_attr);
    } else if (outer == inner) {
        put(text, "Normal, %s", NAME_OF(mair_attr_outer_names, outer));
    } else {
        put(text, "Normal, inner %s, outer %s", NAME_OF(mair_attr_outer_names, inner),
            NAME_OF(mair_attr_outer_names, outer));
    }
}

size_t rig_walk_memory_text(uint8_t mair_attr, char *buffer, size_t size)
{
    struct text text = start(buffer, size);

    put_memory(&text, mair_attr);
    return text.length;
}

static void put_size(struct text *text, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    while (unit + 1 < sizeof(units) / sizeof(units[0]) && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    put(text, "%" PRIu64 " %s", bytes, units[unit]);
}

static void put_rights(struct text *text, const char *who, bool read, bool write, bool exec)
{
    const char *words[3];
    size_t count = 0;

    if (read) {
        words[count++] = "read";
    }
    if (write) {
        words[count++] = "write";
    }
    if (exec) {
        words[count++] = "execute";
    }
    put(text, "%s may ", who);
    for (size_t i = 0; i < count; i++) {
        put(text, "%s%s", i == 0 ? "" : (i + 1 == count ? " and " : ", "), words[i]);
    }
    if (count == 0) {
        put(text, "do nothing");
    }
}

/* The number in the names of the regime's registers, and of the level whose rights el1_* are. */
static unsigned regime_level(const struct rig_walk_result *result)
{
    return result->regime == RIG_WALK_REGIME_EL2 ? 2 : 1;
}

static void put_flat(struct text *text, const struct rig_walk_result *result)
{
    unsigned el = regime_level(result);

    put(text,
        " is PA 0x%" PRIx64 " because the MMU is off (SCTLR_EL%u.M = 0): %s may read, write and "
        "execute, data is Device-nGnRnE, fetches are Normal memory.",
        result->pa, el, el == 2 ? "EL2" : "EL1 and EL0");
}

static void put_all_rights(struct text *text, const struct rig_walk_result *result)
{
    const struct rig_walk_attributes *attr = &result->attr;
    unsigned el = regime_level(result);

    put_rights(text, el == 2 ? "EL2" : "EL1", attr->el1_read != 0, attr->el1_write != 0,
               attr->el1_exec != 0);
    if (el == 1) {
        put(text, ", ");
        put_rights(text, "EL0", attr->el0_read != 0, attr->el0_write != 0, attr->el0_exec != 0);
    }
}

static void put_mapping(struct text *text, const struct rig_walk_result *result)
{
    const struct rig_walk_attributes *attr = &result->attr;

    if (attr->flat != 0) {
        put_flat(text, result);
        return;
    }
    put(text, " is PA 0x%" PRIx64 " through a ", result->pa);
    put_size(text, result->size);
    put(text, " %s at level %u: ", result->level == RW_LAST_LEVEL ? "page" : "block",
        result->level);
    put_all_rights(text, result);
    put(text, "; ");
    put_memory(text, attr->mair_attr);
    put(text, ", %s", NAME_OF(desc_leaf_sh_names, attr->shareability));
    if (result->regime != RIG_WALK_REGIME_EL2) {
        put(text, ", %s", attr->ng != 0 ? "not global" : "global");
    }
    put(text, "%s%s", attr->contiguous != 0 ? ", contiguous" : "",
        attr->guarded != 0 ? ", guarded" : "");
    if (attr->af == 0) {
        put(text, "; the hardware will set its access flag (TCR_EL%u.HA = 1)",
            regime_level(result));
    }
    if (attr->pan_blocks_el1 != 0) {
        put(text, "; PSTATE.PAN = 1 keeps EL1's loads and stores out");
    }
    if (attr->memory == RIG_WALK_NORMAL && attr->data_cache_off != 0) {
        put(text, "; data is not cached (SCTLR_EL%u.C = 0)", regime_level(result));
    }
    put(text, ".");
}

/* The descriptor that ended the walk. */
static void put_last_step(struct text *text, const struct rig_walk_result *result)
{
    const struct rig_walk_step *step = &result->steps[result->step_count - 1];

    put(text, "descriptor 0x%016" PRIx64 " at PA 0x%" PRIx64, step->descriptor,
        step->descriptor_pa);
}

static void put_reason(struct text *text, const struct rig_walk_result *result)
{
    unsigned half = result->upper != 0 ? 1 : 0;
    unsigned el = regime_level(result);

    switch ((enum rig_walk_reason)result->reason) {
    case RIG_WALK_REASON_INVALID:
        put_last_step(text, result);
        put(text, " is invalid");
        break;
    case RIG_WALK_REASON_RESERVED:
        put_last_step(text, result);
        put(text, " is a reserved encoding at this level");
        break;
    case RIG_WALK_REASON_TXSZ:
        put(text, "TCR_EL%u.T%uSZ = %u is out of range", el, half, result->txsz);
        break;
    case RIG_WALK_REASON_TTBR_ADDRESS:
        put(text, "the table address in TTBR%u_EL%u exceeds the physical address size", half, el);
        break;
    case RIG_WALK_REASON_TABLE_ADDRESS:
        put(text, "the table address of ");
        put_last_step(text, result);
        put(text, " exceeds the physical address size");
        break;
    case RIG_WALK_REASON_OUTPUT_ADDRESS:
        put(text, "the output address of ");
        put_last_step(text, result);
        put(text, " exceeds the physical address size");
        break;
    case RIG_WALK_REASON_FLAT_ADDRESS:
        put(text, "the MMU is off and the address exceeds the physical address size");
        break;
    case RIG_WALK_REASON_TCR_DS:
        put(text, "TCR_EL%u.DS = 1 (52-bit descriptors) is not supported by this walker", el);
        break;
    case RIG_WALK_REASON_GRANULE:
        put(text, "TCR_EL%u.TG%u names a granule this CPU does not implement", el, half);
        break;
    case RIG_WALK_REASON_OA52:
        put(text, "52-bit physical addresses are not supported by this walker");
        break;
    case RIG_WALK_REASON_VA52:
        put(text, "52-bit virtual addresses (TCR_EL%u.T%uSZ = %u) are not supported by this walker",
            el, half, result->txsz);
        break;
    case RIG_WALK_REASON_NONE:
    default:
        put(text, "no reason recorded");
        break;
    }
}

static void put_no_mapping(struct text *text, const struct rig_walk_result *result)
{
    unsigned half = result->upper != 0 ? 1 : 0;

    switch ((enum rig_walk_status)result->status) {
    case RIG_WALK_FAULT_WALK_DISABLED:
        put(text, " does not translate: TCR_EL1.EPD%u = 1 disables walks from TTBR%u_EL1.", half,
            half);
        break;
    case RIG_WALK_FAULT_HOLE:
        put(text, " does not translate: it lies %s (TCR_EL%u.T%uSZ = %u).",
            result->regime == RIG_WALK_REGIME_EL2 ? "above the range" : "outside both halves",
            regime_level(result), half, result->txsz);
        break;
    case RIG_WALK_FAULT_ACCESS_FLAG:
        put(text, " does not translate: level %u access flag fault, ", result->level);
        put_last_step(text, result);
        put(text, " has AF = 0 (it would be PA 0x%" PRIx64 ").", result->pa);
        break;
    case RIG_WALK_READ_FAILED:
        put(text,
            " could not be judged: the level %u descriptor at PA 0x%" PRIx64 " is not readable.",
            result->level, result->steps[result->step_count - 1].descriptor_pa);
        break;
    case RIG_WALK_UNSUPPORTED:
        put(text, " could not be judged: ");
        put_reason(text, result);
        put(text, ".");
        break;
    case RIG_WALK_FAULT_TRANSLATION:
    case RIG_WALK_FAULT_ADDRESS_SIZE:
        put(text, " does not translate: level %u %s, ", result->level,
            rig_walk_status_text(result->status));
        put_reason(text, result);
        put(text, ".");
        break;
    case RIG_WALK_OK:
    case RIG_WALK_STOPPED:
    case RIG_WALK_LIMIT:
    case RIG_WALK_STATUS_COUNT:
    default:
        put(text, " was not walked: %s.", rig_walk_status_text(result->status));
        break;
    }
}

size_t rig_walk_describe(const struct rig_walk_result *result, char *buffer, size_t size)
{
    struct text text = start(buffer, size);

    put(&text, "0x%" PRIx64, result->va);
    if (result->status == RIG_WALK_OK) {
        put_mapping(&text, result);
    } else {
        put_no_mapping(&text, result);
    }
    return text.length;
}
