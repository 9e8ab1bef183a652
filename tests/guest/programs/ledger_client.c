/* One of the clients: opens an account, adds to it, closes it, and keeps its own books meanwhile.
 */
#include "ledger.h"

static volatile uint64_t rounds = LEDGER_ROUNDS;
static uint64_t balances[LEDGER_ROUNDS];
static user_handle reply_to = CLIENT_REPLY_TO;

/* The request and its reply; the right to reply goes there and comes back. */
static uint64_t ask(uint64_t label, uint64_t account, uint64_t amount)
{
    struct user_message message = {label, {account, amount}, reply_to};
    uint64_t outcome;
    uint64_t status = user_send(CLIENT_REQUESTS, &message, &outcome);

    while (status == ABI_QUEUE_FULL) { /* another client's request waits to be fetched */
        user_yield();
        status = user_send(CLIENT_REQUESTS, &message, &outcome);
    }
    ledger_must(status == ABI_OK);
    message.cap = USER_NULL_HANDLE;
    ledger_must(user_send(reply_to, &message, &outcome) == ABI_STALE_HANDLE);
    ledger_must(user_recv(CLIENT_REPLIES, &message) == ABI_OK);
    ledger_must(message.label == label && message.cap != USER_NULL_HANDLE);
    reply_to = message.cap;
    return message.words[0];
}

uint64_t user_main(void)
{
    static char done[] = "client ?: the balance is right\n";
    uint64_t account = ask(LEDGER_OPEN, 0, 0);
    uint64_t balance = 0;

    for (uint64_t round = 0; round < rounds; round++) {
        balance += (account + 1U) * (round + 1U);
        balances[round] = ask(LEDGER_ADD, account, (account + 1U) * (round + 1U));
        ledger_must(balances[round] == balance);
    }
    ledger_must(ask(LEDGER_CLOSE, account, 0) == balance);
    ledger_must(balances[0] == account + 1U && rounds == LEDGER_ROUNDS);
    done[sizeof("client ") - 1U] = (char)('0' + account);
    (void)user_console_write(ABI_HANDLE_CONSOLE, done, sizeof(done) - 1U, &balance);
    return 0;
}
