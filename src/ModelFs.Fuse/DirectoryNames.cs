using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse;

/// <summary>The names in a directory that may hold mounts and links into them: .NET's own enumeration calls <c>stat</c> through each link.</summary>
public static class DirectoryNames
{
    /// <exception cref="IOException">The directory cannot be read.</exception>
    public static IReadOnlyList<string> Read(string directory)
    {
        using SafeFileHandle handle = LibC.open(directory, LibC.O_CLOEXEC, 0);
        var names = new List<string>();
        var buffer = new byte[32 * 1024];
        while (true)
        {
            nint length = handle.IsInvalid ? -1 : LibC.getdents64(handle, ref buffer[0], buffer.Length);
            if (length < 0)
                throw new IOException($"{directory} cannot be read: {(Errno)Marshal.GetLastPInvokeError()}");
            if (length == 0)
                return names;
            Add(buffer.AsSpan(0, (int)length), names);
        }
    }

    /// <summary>Each a <c>struct linux_dirent64</c>: inode (8 bytes), offset (8), length of the record (2), type (1), name, zero.</summary>
    private static void Add(ReadOnlySpan<byte> records, List<string> names)
    {
        for (; records.Length > 0; records = records[BinaryPrimitives.ReadUInt16LittleEndian(records[16..])..])
        {
            ReadOnlySpan<byte> name = records[19..];
            string text = Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]);
            if (text is not ("." or ".."))
                names.Add(text);
        }
    }
}
