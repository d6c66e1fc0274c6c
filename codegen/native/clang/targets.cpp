// LLD sets up every processor that LLVM knows. Only this machine's is linked into the plugin: for
// the others there is nothing to set up.
#if defined(__x86_64__) // its functions are LLVM's own; the stubs get names that nobody calls
#define LLVMInitializeX86TargetInfo own_target_info
#define LLVMInitializeX86Target own_target
#define LLVMInitializeX86TargetMC own_target_mc
#define LLVMInitializeX86AsmPrinter own_asm_printer
#define LLVMInitializeX86AsmParser own_asm_parser
#elif defined(__aarch64__)
#define LLVMInitializeAArch64TargetInfo own_target_info
#define LLVMInitializeAArch64Target own_target
#define LLVMInitializeAArch64TargetMC own_target_mc
#define LLVMInitializeAArch64AsmPrinter own_asm_printer
#define LLVMInitializeAArch64AsmParser own_asm_parser
#endif

#define STUB(name)                                                                                 \
    extern "C" void name();                                                                        \
    extern "C" void name() {}
#define LLVM_TARGET(target)                                                                        \
    STUB(LLVMInitialize##target##TargetInfo)                                                       \
    STUB(LLVMInitialize##target##Target)                                                           \
    STUB(LLVMInitialize##target##TargetMC)
#include "llvm/Config/Targets.def"
#define LLVM_ASM_PRINTER(target) STUB(LLVMInitialize##target##AsmPrinter)
#include "llvm/Config/AsmPrinters.def"
#define LLVM_ASM_PARSER(target) STUB(LLVMInitialize##target##AsmParser)
#include "llvm/Config/AsmParsers.def"
