/* Files, as far as emitted programs use them; for Linux. */
#ifndef NNC_STDIO_H
#define NNC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

typedef struct _IO_FILE FILE;
typedef long off_t;
typedef long ssize_t;
extern FILE *stdin, *stdout, *stderr;
#define stdin stdin
#define stdout stdout
#define stderr stderr

#define EOF (-1)
#define BUFSIZ 8192
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

#define NNC_PRINTF(format, first) __attribute__((__format__(__printf__, format, first)))
int fclose(FILE *);
FILE *fdopen(int, const char *);
int feof(FILE *);
int ferror(FILE *);
int fflush(FILE *);
int fgetc(FILE *);
char *fgets(char *restrict, int, FILE *restrict);
int fileno(FILE *);
FILE *fopen(const char *restrict, const char *restrict);
int fprintf(FILE *restrict, const char *restrict, ...) NNC_PRINTF(2, 3);
int fputc(int, FILE *);
int fputs(const char *restrict, FILE *restrict);
size_t fread(void *restrict, size_t, size_t, FILE *restrict);
int fseek(FILE *, long, int);
int fseeko(FILE *, off_t, int);
long ftell(FILE *);
off_t ftello(FILE *);
size_t fwrite(const void *restrict, size_t, size_t, FILE *restrict);
int getc(FILE *);
void perror(const char *);
int printf(const char *restrict, ...) NNC_PRINTF(1, 2);
int putc(int, FILE *);
int putchar(int);
int puts(const char *);
int remove(const char *);
int rename(const char *, const char *);
int snprintf(char *restrict, size_t, const char *restrict, ...) NNC_PRINTF(3, 4);
int ungetc(int, FILE *);
int vfprintf(FILE *restrict, const char *restrict, va_list) NNC_PRINTF(2, 0);
int vsnprintf(char *restrict, size_t, const char *restrict, va_list) NNC_PRINTF(3, 0);
#undef NNC_PRINTF

#endif
