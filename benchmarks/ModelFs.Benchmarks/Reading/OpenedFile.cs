using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Benchmarks.Reading;

/// <summary>A file under measurement, read by <c>pread</c> or through a mapping.</summary>
internal sealed class OpenedFile(string path, SafeFileHandle handle)
{
    public string Path => path;

    public int Descriptor { get; } = (int)handle.DangerousGetHandle();

    public long Length { get; } = RandomAccess.GetLength(handle);

    /// <returns>The bytes read: fewer than asked at the end of the file only.</returns>
    public int Read(byte[] buffer, int count, long offset)
    {
        for (var read = 0; ;)
        {
            var got = (int)Linux.Read(Descriptor, ref buffer[read], count - read, offset + read);
            if (got < 0)
                throw new IOException($"{path}: errno {Marshal.GetLastPInvokeError()} at {offset + read}");
            read += got;
            if (read == count || got == 0)
                return read;
        }
    }

    public MemoryMappedViewAccessor Map()
    {
        using var file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        return file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
    }
}
