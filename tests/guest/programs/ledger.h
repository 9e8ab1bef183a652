/*
 * A server that keeps an account for each client. A request carries the client's right to send to
 * its own reply endpoint; the reply carries it back. That right is all that the server ever has of
 * a client, and only while it works for it.
 */
#ifndef TEST_LEDGER_H
#define TEST_LEDGER_H

#include <user/program.h>
#include <user/syscall.h>

#define LEDGER_CLIENTS 6U /* with the server and the bootstrap space all 8 address spaces */
#define LEDGER_ROUNDS  4U

/* Requests; the reply has the same label. */
#define LEDGER_OPEN  0x10U /* reply: word 0 the account */
#define LEDGER_ADD   0x20U /* word 0 the account, word 1 an amount; reply: word 0 the new balance */
#define LEDGER_CLOSE 0x30U /* word 0 the account; reply: word 0 the last balance */

/* What a program finds in its table. */
#define SERVER_REQUESTS ABI_HANDLE_FIRST_GRANTED       /* RECV */
#define CLIENT_REQUESTS ABI_HANDLE_FIRST_GRANTED       /* SEND */
#define CLIENT_REPLIES  (ABI_HANDLE_FIRST_GRANTED + 1) /* RECV */
#define CLIENT_REPLY_TO (ABI_HANDLE_FIRST_GRANTED + 2) /* SEND, TRANSFER: goes with the request */

/* In debug and release builds alike: what must hold, or the task dies of an undefined instruction.
 */
static inline void ledger_must(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

#endif
