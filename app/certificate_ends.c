/* app/certificate_ends.c - when the certificates that rules' servers show come to their end. */
#include "app/certificate_ends.h"
#include "upstream/certificate_board.h"

#include <stdlib.h>

struct certificate_ends {
    size_t count;
    struct certificate_end end[BOARD_VERDICTS_MAX]; /* by rule, each rule's soonest first */
};

static int compare(const void *left_end, const void *right_end)
{
    const struct certificate_end *left = left_end, *right = right_end;
    if (left->rule_id != right->rule_id)
        return left->rule_id < right->rule_id ? -1 : 1;
    return (left->not_after_s > right->not_after_s) - (left->not_after_s < right->not_after_s);
}

struct certificate_ends *certificate_ends_new(struct certificate_board *board)
{
    struct certificate_ends *ends = malloc(sizeof(*ends));
    if (ends == NULL)
        return NULL;
    ends->count = certificate_board_ends(board, ends->end, BOARD_VERDICTS_MAX);
    qsort(ends->end, ends->count, sizeof(ends->end[0]), compare);
    return ends;
}

void certificate_ends_free(struct certificate_ends *ends)
{
    free(ends);
}

int64_t certificate_ends_of(const struct certificate_ends *ends, int64_t rule_id)
{
    size_t first = 0, last = ends->count;
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (ends->end[middle].rule_id < rule_id)
            first = middle + 1;
        else
            last = middle;
    }
    bool is_known = first < ends->count && ends->end[first].rule_id == rule_id;
    return is_known ? ends->end[first].not_after_s : 0;
}
