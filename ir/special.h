/* Special functions that C's library lacks. */
#ifndef NNC_IR_SPECIAL_H
#define NNC_IR_SPECIAL_H

/* The derivative of lgamma; -inf at +0, inf at -0, NaN at negative integers. */
double special_digamma(double x);
/* digamma's derivative of that order >= 1; infinite at 0 and negative integers. */
double special_polygamma(int order, double x);

#endif
