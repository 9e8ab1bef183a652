/* The host's way into the algorithm that the guest runs, too. */
#include "cases.h"

int main(void)
{
    return run_algorithm() == 0;
}
