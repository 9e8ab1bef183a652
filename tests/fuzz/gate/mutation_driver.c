/*
 * Stands in for libFuzzer where the compiler has none: the same entry point, driven by mutations of
 * a corpus from a fixed seed. No coverage feedback, but the same inputs on every machine.
 *
 *     fuzz-x -runs=N -seed=N CORPUS_DIR
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CORPUS_LIMIT = 64, INPUT_LIMIT = 4096 };

struct input {
    uint8_t bytes[INPUT_LIMIT];
    size_t size;
};

static struct input corpus[CORPUS_LIMIT];
static size_t corpus_count;
static uint64_t state;

/* xorshift64*; `limit` above 0. */
static size_t random_below(size_t limit)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (size_t)((state * 0x2545F4914F6CDD1DULL) >> 33) % limit;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void load_corpus(const char *path)
{
    static char names[CORPUS_LIMIT][256];
    size_t count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        fprintf(stderr, "%s: cannot open the corpus\n", path);
        exit(2);
    }
    for (struct dirent *entry; count < CORPUS_LIMIT && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.') {
            snprintf(names[count++], sizeof(names[0]), "%s", entry->d_name);
        }
    }
    closedir(directory);
    qsort(names, count, sizeof(names[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        char file_name[1024];
        snprintf(file_name, sizeof(file_name), "%s/%s", path, names[i]);
        FILE *file = fopen(file_name, "rb");
        if (file != NULL) {
            struct input *input = &corpus[corpus_count++];
            input->size = fread(input->bytes, 1, INPUT_LIMIT, file);
            fclose(file);
        }
    }
}

/* Insert a piece of another input at a random place, over or between what is there. */
static void splice(struct input *input, bool insert)
{
    const struct input *other = &corpus[random_below(corpus_count)];
    if (other->size == 0) {
        return;
    }
    size_t from = random_below(other->size);
    size_t count = 1 + random_below(other->size - from);
    size_t at = random_below(input->size + 1);
    count = count < INPUT_LIMIT - at ? count : INPUT_LIMIT - at;
    if (insert) {
        size_t rest = input->size - at;
        rest = rest < INPUT_LIMIT - at - count ? rest : INPUT_LIMIT - at - count;
        memmove(input->bytes + at + count, input->bytes + at, rest);
        input->size = at + count + rest;
    } else {
        input->size = input->size > at + count ? input->size : at + count;
    }
    memcpy(input->bytes + at, other->bytes + from, count);
}

static void mutate(struct input *input)
{
    size_t at = input->size == 0 ? 0 : random_below(input->size);
    switch (random_below(6)) {
    case 0:
        input->bytes[at] = (uint8_t)random_below(256);
        break;
    case 1:
        input->bytes[at] ^= (uint8_t)(1U << random_below(8));
        break;
    case 2:
        input->size = at;
        break;
    case 3:
        memmove(input->bytes, input->bytes + at, input->size - at);
        input->size -= at;
        break;
    case 4:
        splice(input, true);
        break;
    default:
        splice(input, false);
        break;
    }
}

int main(int argc, char **argv)
{
    unsigned long runs = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0) {
            runs = strtoul(argv[i] + 6, NULL, 10);
        } else if (strncmp(argv[i], "-seed=", 6) == 0) {
            state = strtoul(argv[i] + 6, NULL, 10) * 0x9E3779B97F4A7C15ULL + 1;
        } else if (argv[i][0] != '-') {
            load_corpus(argv[i]);
        }
    }
    if (runs == 0 || corpus_count == 0) {
        fprintf(stderr, "usage: %s -runs=N -seed=N CORPUS_DIR\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < corpus_count; i++) {
        LLVMFuzzerTestOneInput(corpus[i].bytes, corpus[i].size);
    }
    for (unsigned long run = 0; run < runs; run++) {
        static struct input input;
        input = corpus[random_below(corpus_count)];
        for (size_t left = 1 + random_below(4); left > 0; left--) {
            mutate(&input);
        }
        LLVMFuzzerTestOneInput(input.bytes, input.size);
    }
    printf("%lu runs from %zu inputs\n", runs, corpus_count);
    return 0;
}
