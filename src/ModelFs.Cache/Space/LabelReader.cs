using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Cache.Space;

/// <summary>Goes through the file of names as it is when this is made: what is appended later lies behind its end, and a rewrite makes another file.</summary>
/// <remarks>Not thread safe. What a torn write or a flipped bit spoiled is stepped over.</remarks>
internal sealed class LabelReader : IDisposable
{
    private readonly byte[] window = new byte[1 << 20];
    private readonly SafeFileHandle handle;
    private readonly string path;
    private readonly ILogger log;
    private long length;
    private long at;
    private long damaged;
    private int have;
    private int from;
    private int size;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public LabelReader(string path, ILogger log)
    {
        (this.path, this.log) = (path, log);
        handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Length = length = RandomAccess.GetLength(handle);
    }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>The bytes of the name that came last, until the next is asked for.</summary>
    public ReadOnlySpan<byte> Record => window.AsSpan(from - size, size);

    public bool TryNext(out Label label)
    {
        label = default;
        while (at < length)
        {
            Fill();
            size = Label.Decode(window.AsSpan(from, have - from), out label);
            int step = size > 0 ? size : Label.Grid;
            damaged += size > 0 ? 0 : Label.Grid;
            from += step;
            at += step;
            if (size > 0)
                return true;
            if (from > have)
                break;
        }

        if (damaged > 0)
            Log.LabelsDamaged(log, path, damaged);
        (length, damaged) = (0, 0);
        return false;
    }

    public void Dispose() => handle.Dispose();

    /// <summary>Moves the window on when less than the largest record is left in it.</summary>
    private void Fill()
    {
        if (have - from >= Label.MaxRecord + Label.Grid || at + (have - from) >= length)
            return;
        window.AsSpan(from, have - from).CopyTo(window);
        (have, from) = (have - from, 0);
        int most = (int)Math.Min(window.Length - have, length - at - have);
        int n = RandomAccess.Read(handle, window.AsSpan(have, most), at + have);
        have += n;
        if (n == 0)
            length = at + have;
    }
}
