// Executables, linked by LLD in process against the C library that this process runs on.
//
// Neither the C library's start files nor its development package are needed: the start of a
// program is a few instructions, and the shared libraries themselves say what they export. Objects
// and the result pass through memory files.
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "codegen/native/clang/internal.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/StringRef.h"

LLD_HAS_DRIVER(elf)

namespace nnc {

using llvm::StringRef;

#if defined(__x86_64__)
static const char start_text[] = R"(__asm__(
".text\n.globl _start\n.type _start, @function\n_start:\n"
"xorl %ebp, %ebp\n"            /* the outermost frame */
"movq %rdx, %r9\n"             /* what the loader wants called at the end */
"popq %rsi\n"                  /* argc */
"movq %rsp, %rdx\n"            /* argv */
"andq $-16, %rsp\npushq %rax\npushq %rsp\n"
"xorl %r8d, %r8d\nxorl %ecx, %ecx\n"
"leaq main(%rip), %rdi\n"
"call *__libc_start_main@GOTPCREL(%rip)\nhlt\n"
".section .note.GNU-stack,\"\",@progbits\n");)";
#elif defined(__aarch64__)
static const char start_text[] = R"(__asm__(
".text\n.globl _start\n.type _start, %function\n_start:\n"
"mov x29, #0\nmov x30, #0\n"   /* the outermost frame */
"mov x5, x0\n"                 /* what the loader wants called at the end */
"ldr x1, [sp]\nadd x2, sp, #8\nmov x6, sp\n"
"mov x3, #0\nmov x4, #0\n"
"adrp x0, main\nadd x0, x0, :lo12:main\n"
"bl __libc_start_main\nbl abort\n"
".section .note.GNU-stack,\"\",%progbits\n");)";
#else
static const char start_text[] = "";
#endif

// What the program is linked with: paths of this process's own libraries and loader.
struct System {
    std::string libc, libm, loader;
};

static int look_at_library(struct dl_phdr_info *info, size_t, void *to) {
    auto *system = static_cast<System *>(to);
    StringRef path = info->dlpi_name;
    if (path.ends_with("/libc.so.6")) system->libc = path.str();
    if (path.ends_with("/libm.so.6")) system->libm = path.str();
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_INTERP)
            system->loader =
                reinterpret_cast<const char *>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return 0;
}

// A file that has no name but a path.
class MemoryFile {
  public:
    MemoryFile() : fd(memfd_create("nnc", MFD_CLOEXEC)) {}
    ~MemoryFile() {
        if (fd >= 0) close(fd);
    }
    MemoryFile(const MemoryFile &) = delete;
    MemoryFile &operator=(const MemoryFile &) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd); }
    bool stands_for(int other) const { return fd >= 0 && dup2(fd, other) >= 0; }
    bool write(StringRef bytes) const {
        for (size_t done = 0; done < bytes.size();) {
            ssize_t some = ::write(fd, bytes.data() + done, bytes.size() - done);
            if (some <= 0) return false;
            done += static_cast<size_t>(some);
        }
        return fd >= 0;
    }
    bool read(std::string *out) const {
        off_t size = lseek(fd, 0, SEEK_END);
        if (size < 0) return false;
        out->resize(static_cast<size_t>(size));
        return pread(fd, out->data(), out->size(), 0) == size;
    }

  private:
    int fd;
};

static bool compile_start(NativeBytes *object, char **message) {
    NativeFile file = {"start.c", start_text};
    NativeJob job = {};
    job.files = &file;
    job.file_count = 1;
    job.source = file.name;
    NativeTimes times;
    return compile(&job, object, &times, message);
}

// LLD writes to a file beside the output or, as here, to standard output. One thread: with more it
// first removes the output's old file.
static const char fixed_words[] = "ld.lld -pie -s --gc-sections --as-needed --hash-style=gnu -z "
                                  "now -z noseparate-code --threads=1 "
                                  "-o -";

static std::vector<std::string> arguments(const System &system,
                                          const std::vector<std::string> &objects) {
    std::vector<std::string> args;
    llvm::SmallVector<StringRef, 16> words;
    StringRef(fixed_words).split(words, ' ');
    for (StringRef word : words)
        args.push_back(word.str());
    args.insert(args.end(), {"-dynamic-linker", system.loader});
    args.insert(args.end(), objects.begin(), objects.end());
    args.insert(args.end(), {system.libm, system.libc});
    return args;
}

static bool run_lld(const std::vector<std::string> &texts, std::string *log) {
    std::vector<const char *> args;
    for (const std::string &text : texts)
        args.push_back(text.c_str());
    llvm::raw_string_ostream stream(*log);
    return lld::lldMain(args, stream, stream, {{lld::Gnu, &lld::elf::link}}).retCode == 0;
}

// Standard output is the memory file meanwhile.
static bool run_lld_into(const MemoryFile &result, const std::vector<std::string> &args,
                         std::string *log) {
    fflush(stdout);
    int output = dup(STDOUT_FILENO);
    bool good = result.stands_for(STDOUT_FILENO) && run_lld(args, log);
    if (output >= 0) {
        dup2(output, STDOUT_FILENO);
        close(output);
    } else { // there was none
        close(STDOUT_FILENO);
    }
    return good;
}

bool link(const NativeBytes *objects, int count, NativeBytes *out, char **message) {
    System system;
    dl_iterate_phdr(look_at_library, &system);
    if (!*start_text || system.libc.empty() || system.libm.empty() || system.loader.empty()) {
        *message = copy_text("linking needs glibc on x86-64 or ARM64");
        return false;
    }
    NativeBytes start;
    if (!compile_start(&start, message)) return false;
    std::vector<MemoryFile> files(static_cast<size_t>(count) + 1);
    std::vector<std::string> paths;
    MemoryFile result;
    bool good = true;
    for (size_t i = 0; i < files.size(); i++) {
        const NativeBytes &object = i ? objects[i - 1] : start;
        good = good && files[i].write(StringRef(object.data, object.size));
        paths.push_back(files[i].path());
    }
    free(start.data);
    std::string log, bytes;
    good = good && run_lld_into(result, arguments(system, paths), &log) && result.read(&bytes);
    if (good)
        *out = copy_bytes(bytes);
    else
        *message = copy_text(log.empty() ? "no memory files" : log);
    return good;
}

} // namespace nnc
