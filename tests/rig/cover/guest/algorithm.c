/*
 * Pure functions with fixed inputs, built without optimisation for the guest and, with gcov's
 * counters, for the host: both must tell the same story.
 */
#include "cases.h"

enum { ITEMS = 12 };

static int sorted[ITEMS];

static void insert_sorted(int *items, int count, int value)
{
    int at = count;
    while (at > 0 && items[at - 1] > value) {
        items[at] = items[at - 1];
        at--;
    }
    items[at] = value;
}

static int is_sorted(const int *items, int count)
{
    for (int i = 1; i < count; i++) {
        if (items[i - 1] > items[i]) {
            return 0;
        }
    }
    return 1;
}

static int digit(char letter)
{
    if (letter >= '0' && letter <= '9') {
        return letter - '0';
    }
    return letter == '_' ? 0 : -1;
}

/* Sum of the numbers in a text; -1 for a letter it does not know. */
static int parse(const char *text)
{
    int sum = 0;
    int number = 0;
    for (; *text; text++) {
        switch (*text) {
        case ' ':
            sum += number;
            number = 0;
            break;
        case '-':
            number = -number;
            break;
        default:
            if (digit(*text) < 0) {
                return -1;
            }
            number = number * 10 + digit(*text);
        }
    }
    return sum + number;
}

static int greatest_divisor(int a, int b)
{
    do {
        int rest = a % b;
        a = b;
        b = rest;
    } while (b != 0);
    return a;
}

static int never(int x)
{
    return x + 1;
}

int run_algorithm(void)
{
    int score = 0;
    for (int i = 0; i < ITEMS; i++) {
        insert_sorted(sorted, i, (i * 7 + 3) % ITEMS);
    }
    if (is_sorted(sorted, ITEMS)) {
        score++;
    } else {
        score = never(score);
    }
    score += parse("12 30 7-");
    score += parse("1 x");
    score += parse("");
    score += greatest_divisor(1071, 462);
    return score;
}
