/* What the two files of big integers share. */
#ifndef NNC_SUPPORT_BIGINT_INTERNAL_H
#define NNC_SUPPORT_BIGINT_INTERNAL_H

#include "support/bigint.h"

BigInt big_alloc(size_t count); /* zero digits: big_trim when they are set */
void big_trim(BigInt *a);
BigInt big_copy(const BigInt *a);
void big_replace(BigInt *a, BigInt by); /* takes `by` */
int big_compare_magnitudes(const BigInt *a, const BigInt *b);

#endif
