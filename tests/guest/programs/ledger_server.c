/* Serves LEDGER_CLIENTS clients until each has closed its account. */
#include "ledger.h"

/* For an image that must not pass: the right to reply does not come back. */
#ifdef LEDGER_KEEPS_RIGHT
#define LEDGER_RETURNED(right) USER_NULL_HANDLE
#else
#define LEDGER_RETURNED(right) (right)
#endif

struct account {
    uint64_t balance;
    uint64_t requests;
    uint64_t open;
};

static struct account accounts[LEDGER_CLIENTS];
static uint64_t opened;
static volatile uint64_t to_close = LEDGER_CLIENTS;

static uint64_t work(const struct user_message *request)
{
    uint64_t number = request->label == LEDGER_OPEN ? opened : request->words[0];
    struct account *account = &accounts[number];

    ledger_must(number < LEDGER_CLIENTS);
    ledger_must(account->open == (request->label != LEDGER_OPEN));
    account->requests++;
    switch (request->label) {
    case LEDGER_OPEN:
        account->open = 1;
        opened++;
        return number;
    case LEDGER_ADD:
        account->balance += request->words[1];
        break;
    default:
        ledger_must(request->label == LEDGER_CLOSE);
        ledger_must(account->requests == LEDGER_ROUNDS + 2U);
        account->open = 0;
        to_close--;
    }
    return account->balance;
}

uint64_t user_main(void)
{
    static const char done[] = "server: every account is closed\n";
    uint64_t outcome;

    while (to_close != 0) {
        struct user_message message;
        struct user_message reply = {0};
        user_handle reply_to;

        ledger_must(user_recv(SERVER_REQUESTS, &message) == ABI_OK);
        reply_to = message.cap;
        ledger_must(reply_to != USER_NULL_HANDLE);
        reply = (struct user_message){message.label, {work(&message)}, LEDGER_RETURNED(reply_to)};
        ledger_must(user_send(reply_to, &reply, &outcome) == ABI_OK);
        /* It has gone with the reply. */
        reply.cap = USER_NULL_HANDLE;
        ledger_must(user_send(reply_to, &reply, &outcome) == ABI_STALE_HANDLE);
    }
    (void)user_console_write(ABI_HANDLE_CONSOLE, done, sizeof(done) - 1U, &outcome);
    return 0;
}
