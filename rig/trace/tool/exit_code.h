/* How rig-trace ends, whatever the command. */
#ifndef RIG_TRACE_EXIT_CODE_H
#define RIG_TRACE_EXIT_CODE_H

enum exit_code {
    EXIT_HELD = 0,       /* all held */
    EXIT_BROKEN = 1,     /* a rule was broken */
    EXIT_USAGE = 2,      /* wrong usage, or an input of the user's that cannot be used */
    EXIT_NOT_JUDGED = 3, /* could not judge: damaged input, nothing to judge, no memory */
};

#endif
