/*
 * The walker against QEMU's CPU, the host's part.
 *
 *     emulator-walk make RAM SEED SCENARIOS PROBES     write the guest's RAM (0 scenarios: only the
 *                                                      CPU's ID registers are asked for)
 *     emulator-walk check RAM SEED SCENARIOS PROBES    judge its answers
 *     emulator-walk lies RAM SEED SCENARIOS PROBES     judge them by walkers that are wrong in one
 *                                                      way each: every one must be found out
 *
 * `make` takes the ID registers from the RAM that the guest left behind before. Exit codes: 0 QEMU
 * and the walker agree (lies: none of them does), 1 they do not, 2 wrong usage, 3 the guest did not
 * come to its end, or too little was asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"
#include "judge.h"
#include "lie.h"
#include "scenario.h"

struct run {
    const char *file;
    uint64_t seed;
    uint64_t scenarios;
    uint64_t probes;
};

/* The guest's RAM as it was made and as it was left. */
struct images {
    struct image asked;
    struct image answered;
    struct cpu cpu;
};

enum { SHOWN = 12 };

static unsigned char *map_or_exit(int descriptor, bool writable)
{
    void *bytes = mmap(NULL, LAYOUT_RAM_SIZE, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                       descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED,
                       descriptor, 0);

    if (bytes == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return bytes;
}

static int open_or_exit(const char *file, int flags)
{
    int descriptor = open(file, flags, 0644);

    if (descriptor < 0) {
        (void)fprintf(stderr, "%s: %s\n", file, strerror(errno));
        exit(2);
    }
    return descriptor;
}

static struct cpu cpu_of(const struct layout_header *header)
{
    return (struct cpu){.id_aa64mmfr0 = header->id_aa64mmfr0,
                        .id_aa64mmfr1 = header->id_aa64mmfr1,
                        .id_aa64mmfr2 = header->id_aa64mmfr2};
}

/* The CPU that answered in the file; all 0 when it is new. */
static struct cpu cpu_in(const char *file)
{
    struct cpu cpu = {0};
    int descriptor = open(file, O_RDONLY);

    if (descriptor >= 0) {
        if (lseek(descriptor, 0, SEEK_END) == LAYOUT_RAM_SIZE) {
            struct image image = {.bytes = map_or_exit(descriptor, false)};
            cpu = cpu_of(image_header(&image));
            (void)munmap(image.bytes, LAYOUT_RAM_SIZE);
        }
        (void)close(descriptor);
    }
    return cpu;
}

static int make(const struct run *run)
{
    struct cpu cpu = cpu_in(run->file);
    int descriptor = open_or_exit(run->file, O_RDWR | O_CREAT | O_TRUNC);
    struct image image;

    if (ftruncate(descriptor, LAYOUT_RAM_SIZE) != 0) {
        perror(run->file);
        return 2;
    }
    if (run->scenarios > 0 && cpu.id_aa64mmfr0 == 0) {
        (void)fprintf(stderr, "%s: no CPU has answered there yet\n", run->file);
        return 2;
    }
    image = image_start(map_or_exit(descriptor, true));
    scenarios_make(&image, &cpu, run->seed, run->scenarios, run->probes);
    (void)munmap(image.bytes, LAYOUT_RAM_SIZE);
    return close(descriptor) == 0 ? 0 : 2;
}

/* One line for each number: the campaign adds them up by their words. */
static void line(uint64_t count, const char *what, const char *of)
{
    (void)printf("%8" PRIu64 " %s%s\n", count, what, of);
}

static void report(const struct tally *tally)
{
    for (size_t i = 0; i < SUBJECT_COUNT; i++) {
        line(tally->compared[i], "answers of ", subject_texts[i]);
        line(tally->allowed[i], "  of them allowed: ", subject_texts[i]);
    }
    for (unsigned i = 0; i < RIG_WALK_STATUS_COUNT; i++) {
        if (tally->status[i] > 0) {
            line(tally->status[i], "walks: ", rig_walk_status_text(i));
        }
    }
    line(tally->unsupported, "addresses not judged: ", "unsupported by the walker");
    line(tally->elsewhere, "addresses not judged: ", "tables where the host does not know what is");
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        line(tally->known[i], "known differences of QEMU: ", known_texts[i]);
    }
    line(tally->mismatches, "mismatches", "");
}

/* Whether each subject was judged, with accesses that are allowed and that are not. */
static bool is_evidence(const struct tally *tally, const struct cpu *cpu)
{
    bool pan2 = (cpu->id_aa64mmfr1 >> 20 & 0xf) >= 2;

    for (size_t i = 0; i < SUBJECT_COUNT; i++) {
        bool asked = i != SUBJECT_AT_PAN || pan2;

        if (asked && (tally->allowed[i] == 0 || tally->allowed[i] == tally->compared[i])) {
            (void)printf("not enough was asked: %s\n", subject_texts[i]);
            return false;
        }
    }
    return true;
}

/* False when the guest did not answer everything. */
static bool open_images(const struct run *run, struct images *images)
{
    const struct layout_header *header;

    images->answered =
        (struct image){.bytes = map_or_exit(open_or_exit(run->file, O_RDONLY), false)};
    header = image_header(&images->answered);
    if (header->done != HEADER_DONE_VALUE || header->scenario_count != run->scenarios) {
        (void)printf("the guest did not end: scenario %" PRIu64 " of %" PRIu64 ", probe %" PRIu64
                     ", unexpected ESR_EL3 0x%" PRIx64 "\n",
                     header->at_scenario, header->scenario_count, header->at_probe, header->bad);
        return false;
    }
    images->cpu = cpu_of(header);
    images->asked = image_start(map_or_exit(-1, true));
    scenarios_make(&images->asked, &images->cpu, run->seed, run->scenarios, run->probes);
    return true;
}

static int check(const struct run *run)
{
    struct tally tally = {.shown = SHOWN};
    struct images images;

    if (!open_images(run, &images)) {
        return 3;
    }
    judge_all(&images.asked, &images.answered, &images.cpu, NULL, &tally);
    report(&tally);
    if (tally.mismatches > 0) {
        return 1;
    }
    return is_evidence(&tally, &images.cpu) ? 0 : 3;
}

static int check_lies(const struct run *run)
{
    struct images images;
    int code = 0;

    if (!open_images(run, &images)) {
        return 3;
    }
    for (size_t i = 0; i < lie_count; i++) {
        struct tally tally = {0};

        judge_all(&images.asked, &images.answered, &images.cpu, &lies[i], &tally);
        line(tally.mismatches, "mismatches of a walker that is wrong about ", lies[i].name);
        code = tally.mismatches > 0 ? code : 1;
    }
    return code;
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);

    if (end == text || *end != '\0') {
        (void)fprintf(stderr, "not a number: %s\n", text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*action)(const struct run *run);
    } actions[] = {{"make", make}, {"check", check}, {"lies", check_lies}};
    struct run run;

    for (size_t i = 0; argc == 6 && i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(argv[1], actions[i].name) == 0) {
            run = (struct run){.file = argv[2],
                               .seed = number(argv[3]),
                               .scenarios = number(argv[4]),
                               .probes = number(argv[5])};
            return actions[i].action(&run);
        }
    }
    (void)fprintf(stderr, "usage: emulator-walk make|check|lies RAM SEED SCENARIOS PROBES\n");
    return 2;
}
