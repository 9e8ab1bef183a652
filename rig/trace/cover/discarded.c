#include "discarded.h"

#include <dwarf.h>

#define NO_UNIT UINT64_MAX

/* What a linker puts for the address of something it discarded, and that may be code as well. */
static bool placeholder(uint64_t low)
{
    return low < 2;
}

static bool has_zero(const struct image *image)
{
    return image->section_count > 0 && image->sections[0].low == 0;
}

enum claim { CLAIM_NONE, CLAIM_UNPROVED, CLAIM_PROVED };

/* How well a unit's own entries prove that the code at 0 is its. */
static enum claim claim_of(const struct image *image, Dwarf_Die *unit, uint64_t *line)
{
    Dwarf_Die child;
    bool functions = false;
    for (int more = dwarf_child(unit, &child); more == 0; more = dwarf_siblingof(&child, &child)) {
        Dwarf_Addr low = 0;
        if (dwarf_tag(&child) != DW_TAG_subprogram) {
            continue;
        }
        functions = true;
        const char *name = dwarf_diename(&child);
        if (dwarf_lowpc(&child, &low) == 0 && low == 0 && name != NULL &&
            image_has_symbol(image, 0, name)) {
            int declared = 0;
            *line =
                dwarf_decl_line(&child, &declared) == 0 && declared > 0 ? (uint64_t)declared : 0;
            return CLAIM_PROVED;
        }
    }
    return !functions && dwarf_srclang(unit) == DW_LANG_Mips_Assembler ? CLAIM_UNPROVED
                                                                       : CLAIM_NONE;
}

struct discarded discarded_find(const struct image *image)
{
    struct discarded found = {.at_zero = has_zero(image), .owner = NO_UNIT};
    Dwarf_Off offset = 0;
    Dwarf_Off next = 0;
    size_t header = 0;
    while (found.at_zero &&
           dwarf_nextcu(image->dwarf, offset, &next, &header, NULL, NULL, NULL) == 0) {
        Dwarf_Die unit;
        if (dwarf_offdie(image->dwarf, offset + header, &unit) != NULL) {
            enum claim claim = claim_of(image, &unit, &found.line);
            if (claim == CLAIM_PROVED) {
                found.owner = dwarf_dieoffset(&unit);
                break;
            }
            if (claim == CLAIM_UNPROVED && found.owner == NO_UNIT) {
                found.owner = dwarf_dieoffset(&unit);
            }
        }
        offset = next;
    }
    return found;
}

bool discarded_code(const struct discarded *discarded, const struct image *image, Dwarf_Off unit,
                    uint64_t low)
{
    size_t word;
    if (!image_word(image, low, &word)) {
        return true;
    }
    return discarded->at_zero && placeholder(low) && unit != discarded->owner;
}

bool discarded_function(const struct discarded *discarded, const struct image *image,
                        Dwarf_Off unit, uint64_t low, const char *name)
{
    return discarded_code(discarded, image, unit, low) ||
           (discarded->at_zero && placeholder(low) && !image_has_symbol(image, low, name));
}
