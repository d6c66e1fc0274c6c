"""Names that a careless compiler would trip over: TEXTS for everything that takes any name, KEYS for
dictionaries only (PyTorch's modules refuse them), IDENTIFIERS for what a program names itself."""

TEXTS = """
*/|/*|*/ int x; /*|//|/|\\|\\\\|"|'|`|%|%s|%n%d|%|?|??/|a??/|??=|??'|#|##|#define int long|#include <x>
<script>|&amp;|$(rm -rf x)|$|@|!|~|^|()|[0]|{|}|;|,|:|=|==|+|-|a b|a-b|a_b|a/b|a\\b|a__b|a:b|A_b|A_B|a_B|a_b_2
a_b_|_a_b|0|00|1|9lives|_|__|___|_A|__x|_Z3foov|__attribute__|__x86_64__|__linux__|__LINE__|__FILE__|__func__
main|exit|abort|memmove|memcpy|memset|printf|malloc|free|exp|expf|tanh|sqrt|y0|j1|gamma|index|time|read|write
float32x4|float8|vec|__m256|_mm_add_ps|NAN|INFINITY|NULL|EOF|M_PI|INT32_MAX|INT64_C|PRId64|SIZE_MAX|HUGE_VAL
BUFSIZ|SEEK_SET|EINTR|SIGINT|CHAR_BIT|RAND_MAX|FLT_MAX|I|_Complex_I|complex|imaginary|linux|unix|i386|errno|stdin
stdout|stderr|offsetof|assert|signbit|isnan|bool|true|True_|noreturn|alignas|alignof|thread_local|static_assert
int|char|void|long|short|signed|unsigned|const|volatile|static|extern|register|auto|restrict|inline|struct|union
enum|typedef|sizeof|switch|case|default|do|goto|new|delete|this|template|typename|namespace|using|operator|private
public|protected|virtual|friend|explicit|mutable|catch|throw|nullptr|constexpr|consteval|decltype|noexcept|typeid
char8_t|char16_t|dynamic_cast|static_cast|reinterpret_cast|and_eq|xor|bitand|compl|concept|requires|co_await
typeof|typeof_unqual|asm|__asm__|int64_t|int32_t|uint8_t|size_t|uintptr_t|wchar_t|float_t|in_|out|ctx|params|arena
prepared|seed|grad|grads|key|memory|states|kernel_x|constant_0|backward|train_step|prepare|isa|context_memory
tensors|hyper_0|result_0|x0|v1|NnTensor|NN_API|nn_fail|net_forward|NetParams|NET_H|NET_ARENA_BYTES
""".strip().replace("\n", "|").split("|")
TEXTS += ["|", "||", "\n", "a\n#error x\n", "\r", "\t", " ", "  ", "\x01\x02", "\x1b[31m", "\x7f", "\\\n", "\v\f",
          '");system("true");("', "a\"b'c\\d*/e", "\u00e9t\u00e9", "\u6743\u91cd", "\U0001f600", "\u0301", "e\u0301",
          "\u202e", "a\u2066b", "\u2028", "\u2029", "\ufeff", "\u00a0", "\u00b5", "\u017f", "\ufb01", "\U0010ffff",
          "x" * 300 + "1", "x" * 300 + "2", "y" * 4000, "\u00e9" * 1500]
TEXTS = list(dict.fromkeys(TEXTS))
KEYS = ["", "3.14e", "a.b", ".", "..", "a..b", "." * 70, "y" * 5000, "\u00e9" * 3000]

IDENTIFIERS = """main memcpy expf NULL EOF I errno linux stdout int new this template typename ctx params arena out
target states seed kernel float32x4 int64_t co_await _A __x__ été 权重 NAN""".split()
