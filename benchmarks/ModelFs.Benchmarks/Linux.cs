using System.Runtime.InteropServices;
using System.Text;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks;

/// <summary>The system calls that .NET has no name for, each as cheap as it is in C: a figure must not hold the cost of its reader.</summary>
internal static class Linux
{
    public const int SigTerm = 15;
    public const int DontNeed = 4; // POSIX_FADV_DONTNEED
    public const int SetPipeSize = 1031; // F_SETPIPE_SZ
    public const uint CloseOnExec = 0x80000;

    [DllImport("libc", EntryPoint = "pread", SetLastError = true)]
    public static extern nint Read(int descriptor, ref byte buffer, nint count, long offset);

    [DllImport("libc", EntryPoint = "posix_fadvise")]
    public static extern int Advise(int descriptor, long offset, long length, int advice);

    [DllImport("libc", EntryPoint = "splice", SetLastError = true)]
    public static extern nint Splice(int from, nint fromOffset, int to, nint toOffset, nint count, uint flags);

    [DllImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    public static extern int Pipe(int[] ends, uint flags);

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static extern int Control(int descriptor, int command, nint argument);

    [DllImport("libc", EntryPoint = "close")]
    public static extern int Close(int descriptor);

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static extern int Signal(int process, int signal);

    [DllImport("libc", EntryPoint = "sync")]
    public static extern void Sync();

    [DllImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static extern nint Map(nint at, nint length, int protection, int flags, int descriptor, long offset);

    [DllImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static extern int Unmap(nint at, nint length);

    [DllImport("libc", EntryPoint = "getxattr", SetLastError = true)]
    private static extern nint GetAttribute(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string path, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, byte[] value, nint size);

    /// <returns>Null where there is none.</returns>
    public static string? Attribute(string path, string name)
    {
        var value = new byte[256];
        var length = (int)GetAttribute(path, name, value, value.Length);
        return length < 0 ? null : Encoding.UTF8.GetString(value, 0, length);
    }

    /// <summary>Takes so many bytes of free memory, writes to each page, and gives them back.</summary>
    public static void TouchMemory(long length)
    {
        const int ReadWrite = 3, PrivateAnonymousPopulated = 0x8022;
        var at = Map(0, (nint)length, ReadWrite, PrivateAnonymousPopulated, -1, 0);
        if (at == -1)
            throw new BenchmarkException($"no {length >> 20} MiB of memory are to be had: choose a smaller --size");
        _ = Unmap(at, (nint)length);
    }
}
