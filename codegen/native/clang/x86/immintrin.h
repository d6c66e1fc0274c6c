/* The intrinsics that emitted C uses, as macros over what clang has built in.
 *
 * The real header takes a quarter of a second to parse, and each call of one of its functions makes
 * clang compare sets of target features. A file that names anything that isn't here is compiled
 * with the real one: see headers.cpp. Vectors are GNU vectors of any element type of the right
 * size. */
#ifndef NNC_IMMINTRIN_H
#define NNC_IMMINTRIN_H

typedef float __m128 __attribute__((__vector_size__(16)));
typedef double __m128d __attribute__((__vector_size__(16)));
typedef long long __m128i __attribute__((__vector_size__(16)));
typedef float __m256 __attribute__((__vector_size__(32)));
typedef double __m256d __attribute__((__vector_size__(32)));
typedef long long __m256i __attribute__((__vector_size__(32)));
typedef float __m512 __attribute__((__vector_size__(64)));
typedef double __m512d __attribute__((__vector_size__(64)));
typedef long long __m512i __attribute__((__vector_size__(64)));
typedef int __v8si __attribute__((__vector_size__(32)));
typedef int __v16si __attribute__((__vector_size__(64)));
typedef unsigned char __mmask8;
typedef unsigned short __mmask16;

#define _mm_fmadd_ps(a, b, c) __builtin_elementwise_fma(a, b, c)
#define _mm_fmadd_pd(a, b, c) __builtin_elementwise_fma(a, b, c)
#define _mm256_fmadd_ps(a, b, c) __builtin_elementwise_fma(a, b, c)
#define _mm256_fmadd_pd(a, b, c) __builtin_elementwise_fma(a, b, c)
#define _mm512_fmadd_ps(a, b, c) __builtin_elementwise_fma(a, b, c)
#define _mm512_fmadd_pd(a, b, c) __builtin_elementwise_fma(a, b, c)

#define _mm_sqrt_ps(a) __builtin_elementwise_sqrt(a)
#define _mm_sqrt_pd(a) __builtin_elementwise_sqrt(a)
#define _mm256_sqrt_ps(a) __builtin_elementwise_sqrt(a)
#define _mm256_sqrt_pd(a) __builtin_elementwise_sqrt(a)
#define _mm512_sqrt_ps(a) __builtin_elementwise_sqrt(a)
#define _mm512_sqrt_pd(a) __builtin_elementwise_sqrt(a)

/* Of two zeros, or with a NaN, the second operand. */
#define _mm_min_ps(a, b) __builtin_ia32_minps(a, b)
#define _mm_min_pd(a, b) __builtin_ia32_minpd(a, b)
#define _mm256_min_ps(a, b) __builtin_ia32_minps256(a, b)
#define _mm256_min_pd(a, b) __builtin_ia32_minpd256(a, b)
#define _mm512_min_ps(a, b) __builtin_ia32_minps512(a, b, 4)
#define _mm512_min_pd(a, b) __builtin_ia32_minpd512(a, b, 4)
#define _mm_max_ps(a, b) __builtin_ia32_maxps(a, b)
#define _mm_max_pd(a, b) __builtin_ia32_maxpd(a, b)
#define _mm256_max_ps(a, b) __builtin_ia32_maxps256(a, b)
#define _mm256_max_pd(a, b) __builtin_ia32_maxpd256(a, b)
#define _mm512_max_ps(a, b) __builtin_ia32_maxps512(a, b, 4)
#define _mm512_max_pd(a, b) __builtin_ia32_maxpd512(a, b, 4)

/* The mode is a literal: to nearest even, down, up, to zero; without exceptions. */
#define NNC_ROUND_0x08(a) __builtin_elementwise_roundeven(a)
#define NNC_ROUND_0x09(a) __builtin_elementwise_floor(a)
#define NNC_ROUND_0x0a(a) __builtin_elementwise_ceil(a)
#define NNC_ROUND_0x0b(a) __builtin_elementwise_trunc(a)
#define _mm256_round_ps(a, mode) NNC_ROUND_##mode(a)
#define _mm256_round_pd(a, mode) NNC_ROUND_##mode(a)
#define _mm512_roundscale_ps(a, mode) NNC_ROUND_##mode(a)
#define _mm512_roundscale_pd(a, mode) NNC_ROUND_##mode(a)

/* The last operand may hold commas. */
#define _mm256_maskload_epi32(p, ...)                                                              \
    ((__m256i)__builtin_ia32_maskloadd256((const __v8si *)(p), (__v8si)(__VA_ARGS__)))
#define _mm256_maskload_epi64(p, ...)                                                              \
    ((__m256i)__builtin_ia32_maskloadq256((const __m256i *)(p), (__m256i)(__VA_ARGS__)))
#define _mm512_maskz_loadu_epi32(mask, p)                                                          \
    ((__m512i)__builtin_ia32_loaddqusi512_mask((const int *)(p), (__v16si){0}, (mask)))
#define _mm512_maskz_loadu_epi64(mask, p)                                                          \
    ((__m512i)__builtin_ia32_loaddqudi512_mask((const long long *)(p), (__m512i){0}, (mask)))
#define _mm512_mask_storeu_epi32(p, mask, ...)                                                     \
    __builtin_ia32_storedqusi512_mask((int *)(p), (__v16si)(__VA_ARGS__), (mask))
#define _mm512_mask_storeu_epi64(p, mask, ...)                                                     \
    __builtin_ia32_storedqudi512_mask((long long *)(p), (__m512i)(__VA_ARGS__), (mask))

#endif
