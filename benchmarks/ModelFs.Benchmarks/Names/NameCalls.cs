using System.Runtime.InteropServices;
using System.Text;

namespace ModelFs.Benchmarks.Names;

/// <summary>What <c>stat</c> and <c>ls</c> ask the kernel, and nothing around it: a figure must not hold the cost of its reader.</summary>
internal static class NameCalls
{
    private const int DirectoryOnly = 0x10000; // O_DIRECTORY, but on arm64
    private const int DirectoryOnlyArm = 0x4000;
    private const int NotFound = 2;

    public static byte[] Path(string path) => Encoding.UTF8.GetBytes(path + '\0');

    /// <summary>Asks for each path's attributes.</summary>
    /// <returns>How many are there.</returns>
    public static long Stat(IEnumerable<byte[]> paths)
    {
        var found = 0L;
        var attributes = new byte[256]; // struct stat is 144 bytes
        foreach (var path in paths)
        {
            if (GetAttributes(path, attributes) == 0)
                found++;
            else if (Marshal.GetLastPInvokeError() != NotFound)
                throw new IOException($"{Encoding.UTF8.GetString(path)}: errno {Marshal.GetLastPInvokeError()}");
        }

        return found;
    }

    /// <returns>How many bytes of entries a directory has.</returns>
    public static long List(byte[] path)
    {
        var directory = Open(path, RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? DirectoryOnlyArm : DirectoryOnly);
        var entries = new byte[32 << 10]; // as much as glibc's readdir asks for
        var total = 0L;
        nint count;
        while ((count = GetEntries(directory, entries, entries.Length)) > 0)
            total += count;
        var error = Marshal.GetLastPInvokeError();
        _ = Close(directory);
        return count == 0 ? total : throw new IOException($"{Encoding.UTF8.GetString(path)}: errno {error}");
    }

    [DllImport("libc", EntryPoint = "stat", SetLastError = true)]
    private static extern int GetAttributes(byte[] path, byte[] attributes);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    private static extern nint GetEntries(int directory, byte[] entries, nint size);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
