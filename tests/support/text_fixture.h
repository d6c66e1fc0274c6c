/* What the tests of the frontend's first stages share: one text of the language, what is made of
 * it, and what was reported. */
#ifndef NNC_TESTS_TEXT_FIXTURE_H
#define NNC_TESTS_TEXT_FIXTURE_H

#include <string.h>

#include "frontend/compile.h"

typedef struct Fixture {
    Arena arena;
    Sources sources;
    Interns interns;
    Compiler compiler;
    Buf log, out;
} Fixture;

/* The number of the file that `text` becomes, in a new fixture. */
static inline uint16_t fixture_start(Fixture *fixture, const char *text) {
    *fixture = (Fixture){0};
    sources_init(&fixture->sources);
    interns_init(&fixture->interns);
    fixture->sources.log = &fixture->log;
    fixture->compiler = (Compiler){&fixture->arena, &fixture->sources, &fixture->interns};
    return sources_add(&fixture->sources, "t.nn", text, strlen(text));
}

static inline void fixture_drop(Fixture *fixture) {
    buf_free(&fixture->log);
    buf_free(&fixture->out);
    interns_free(&fixture->interns);
    sources_free(&fixture->sources);
    arena_free(&fixture->arena);
}

#endif
