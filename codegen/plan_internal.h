/* What the files of planning share. */
#ifndef NNC_CODEGEN_PLAN_INTERNAL_H
#define NNC_CODEGEN_PLAN_INTERNAL_H

#include "codegen/lower.h"
#include "codegen/plan.h"
#include "passes/memplan.h"

typedef struct Value {
    bool placed;
    Place place;
    int item;     /* arena: index of its plan item, or -1 */
    int last_use; /* step, or -1 */
} Value;

/* One of the two step lists while it is being planned. */
typedef struct Planner {
    Plan *plan;
    const Graph *graph;
    const PlanReader *reader;
    Arena *arena;
    PlanOptions options;
    PlanSteps *steps;
    Value *values; /* by node id; values that lowering made come after the graph's */
    size_t value_count;
    Kernel **kernels;
    int kernel_count;
    VEC(PlanItem) items;
} Planner;

/* The kernels of both step lists while groups are lowered. */
typedef struct Lists {
    Kernel **first, **run;
    int first_count, run_count;
    bool *prepared; /* by value id: a prepare step computes it */
} Lists;

/* plan_lower.c: lowers all groups. With `param_only` (by node id; NULL: no prepare steps), those
 * that depend on nothing else, and what lowering made to be run ahead, go to the prepare steps. */
void plan_lower(Planner *planner, const Fusion *fusion, const bool *param_only, Lists *lists);
/* plan_roll.c: finds the loops among the steps. Offsets are of no account. */
void plan_roll(PlanSteps *steps, Arena *arena);
/* plan_threads.c: finds the steps before which threads must meet. */
void plan_meet(PlanSteps *steps, const Graph *graph);
/* plan_places.c: gives the items offsets. Places in the arena hold the numbers of their items. */
PlanReport plan_places(const PlanSteps *steps, PlanItem *items, int count);

#endif
