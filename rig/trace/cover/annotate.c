#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "a64_decode.h"
#include "cover.h"
#include "mapping.h"

/* What is needed to print instructions. */
struct printer {
    const struct mapping *mapping;
    csh handle;
    cs_insn *insn;
    size_t branch; /* the first branch not yet passed */
};

static const char *mmu_text(const struct counts *counts, size_t word)
{
    bool off = counts->ran[TRACE_MMU_OFF][word] > 0;
    bool on = counts->ran[TRACE_MMU_ON][word] > 0;
    if (off || on) {
        return off && on ? "both" : (on ? "on" : "off");
    }
    return counts->ran[TRACE_MMU_UNKNOWN][word] > 0 ? "?" : "";
}

static const char *outcome_text(const struct counts *counts, size_t word)
{
    bool not_taken = counts->edges[TRACE_SLOT_NOT_TAKEN][word] > 0;
    bool taken = counts->edges[TRACE_SLOT_TAKEN][word] > 0;
    if (taken || not_taken) {
        return taken && not_taken ? "both" : (taken ? "taken" : "not taken");
    }
    return counts_ran(counts, word) > 0 ? "unknown" : "";
}

/* Whether the word is a conditional branch; words come in order. */
static bool is_branch(struct printer *printer, size_t word)
{
    const struct branches *branches = &printer->mapping->branches;
    while (printer->branch < branches->count && branches->items[printer->branch].word < word) {
        printer->branch++;
    }
    return printer->branch < branches->count && branches->items[printer->branch].word == word;
}

/* Name where a direct branch or call leads. */
static void put_target(const struct image *image, uint32_t opcode, uint64_t address)
{
    int64_t offset = 0;
    bool immediate = (opcode & 0x7c000000) == 0x14000000; /* b, bl: DDI 0487, C4.1 */
    if (immediate) {
        offset = a64_offset(opcode, 0, 26);
    } else if (!a64_conditional_branch(opcode, &offset)) {
        return;
    }
    uint64_t target = address + (uint64_t)offset;
    const struct image_symbol *label = image_label(image, target);
    if (label != NULL && label->low == target) {
        printf(" <%s>", label->name);
    } else if (label != NULL) {
        printf(" <%s+0x%" PRIx64 ">", label->name, target - label->low);
    }
}

static void put_code(const struct printer *printer, size_t word, uint64_t address)
{
    uint32_t opcode = image_opcode(&printer->mapping->image, word);
    const uint8_t bytes[4] = {(uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)(opcode >> 16),
                              (uint8_t)(opcode >> 24)};
    const uint8_t *at = bytes;
    size_t left = sizeof(bytes);
    bool data = (printer->mapping->image.flags[word] & WORD_DATA) != 0;
    uint64_t next = address;
    if (!data && cs_disasm_iter(printer->handle, &at, &left, &next, printer->insn)) {
        printf("%s %s", printer->insn->mnemonic, printer->insn->op_str);
        put_target(&printer->mapping->image, opcode, address);
    } else {
        printf(".word 0x%08" PRIx32, opcode);
    }
}

static void put_instruction(struct printer *printer, const struct image_symbol *symbol,
                            uint64_t address, const struct line_range **last)
{
    const struct mapping *mapping = printer->mapping;
    const struct counts *counts = &mapping->counts;
    size_t word;
    if (!image_word(&mapping->image, address, &word)) {
        return;
    }
    bool data = (mapping->image.flags[word] & WORD_DATA) != 0;
    uint64_t ran = counts_ran(counts, word);
    char count[24];
    snprintf(count, sizeof(count), "%" PRIu64, ran);
    printf("%10s  %-9s  %-4s  %16" PRIx64 "  %s+0x%-5" PRIx64 "  ",
           data ? "" : (ran == 0 ? "####" : count),
           is_branch(printer, word) ? outcome_text(counts, word) : "", mmu_text(counts, word),
           address, symbol->name, address - symbol->low);
    put_code(printer, word, address);
    const struct line_range *range = lines_at(&mapping->lines, address);
    bool changed = range != NULL && range->line != 0 &&
                   (*last == NULL || (*last)->line != range->line || (*last)->file != range->file);
    if (changed) {
        printf("  ; %s:%" PRIu32, mapping->sources.files[range->file].shown, range->line);
    }
    *last = range == NULL || range->line == 0 ? *last : range;
    putchar('\n');
}

static void put_function(struct printer *printer, const struct image_symbol *symbol)
{
    const struct mapping *mapping = printer->mapping;
    uint64_t found = 0;
    uint64_t hit = 0;
    size_t word;
    for (uint64_t address = symbol->low; address < symbol->high; address += 4) {
        if (image_word(&mapping->image, address, &word) &&
            image_is_instruction(&mapping->image, word)) {
            found++;
            hit += counts_ran(&mapping->counts, word) > 0;
        }
    }
    const struct line_range *range = lines_at(&mapping->lines, symbol->low);
    printf("%s", symbol->name);
    if (range != NULL && range->line != 0) {
        printf("  %s:%" PRIu32, mapping->sources.files[range->file].shown, range->line);
    }
    printf("  executed %" PRIu64 " of %" PRIu64 " instructions\n", hit, found);
    const struct line_range *last = NULL;
    for (uint64_t address = symbol->low; address < symbol->high; address += 4) {
        put_instruction(printer, symbol, address, &last);
    }
    putchar('\n');
}

static bool asked_for(const struct cover_options *options, const char *name)
{
    for (size_t i = 0; i < options->function_count; i++) {
        if (strcmp(options->functions[i], name) == 0) {
            return true;
        }
    }
    return options->function_count == 0;
}

static enum exit_code check_names(const struct image *image, const struct cover_options *options)
{
    for (size_t i = 0; i < options->function_count; i++) {
        bool found = false;
        for (size_t k = 0; k < image->symbol_count && !found; k++) {
            found = image->symbols[k].function &&
                    strcmp(image->symbols[k].name, options->functions[i]) == 0;
        }
        if (!found) {
            fprintf(stderr, "rig-trace: %s: no function %s with a size\n", options->elf,
                    options->functions[i]);
            return EXIT_USAGE;
        }
    }
    return EXIT_HELD;
}

static enum exit_code annotate(const struct mapping *mapping, const struct cover_options *options)
{
    const struct image *image = &mapping->image;
    struct printer printer = {.mapping = mapping};
    enum exit_code code = check_names(image, options);
    if (code != EXIT_HELD) {
        return code;
    }
    if (cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &printer.handle) != CS_ERR_OK) {
        return EXIT_NOT_JUDGED;
    }
    printer.insn = cs_malloc(printer.handle);
    const struct image_symbol *last = NULL;
    for (size_t i = 0; printer.insn != NULL && i < image->symbol_count; i++) {
        const struct image_symbol *symbol = &image->symbols[i];
        /* Two names of one function are printed once, by the one that was asked for. */
        if (symbol->function && asked_for(options, symbol->name) &&
            (last == NULL || last->low != symbol->low || last->high != symbol->high)) {
            put_function(&printer, symbol);
            last = symbol;
            printer.branch = 0;
        }
    }
    if (printer.insn != NULL) {
        cs_free(printer.insn, 1);
    }
    cs_close(&printer.handle);
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_HELD : EXIT_NOT_JUDGED;
}

int annotate_command(int argc, char **argv)
{
    return mapping_command(argc, argv, annotate);
}
