using System.Globalization;
using System.Security.Cryptography;

namespace ModelFs.Cache.Disk;

/// <summary>A number that lasts from one clean stop to the next: what was sealed under another one may have been through a crash since.</summary>
/// <remarks>
/// It is random, so that a directory which lost it vouches for nothing. The file that hands it on exists only between a clean stop and
/// the start after it.
/// </remarks>
internal sealed class Epoch
{
    private readonly string path;

    private Epoch(string path, ulong value)
    {
        this.path = path;
        Value = value;
    }

    /// <summary>Never 0.</summary>
    public ulong Value { get; }

    public static Epoch Begin(string directory)
    {
        string path = Path.Combine(directory, "epoch");
        try
        {
            if (File.Exists(path))
            {
                string text = File.ReadAllText(path);
                File.Delete(path);
                Linux.SyncDirectory(directory);
                if (ulong.TryParse(text.Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong former) && former != 0)
                    return new Epoch(path, former);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What cannot be taken back might be believed after a crash.
        }

        Span<byte> fresh = stackalloc byte[8];
        RandomNumberGenerator.Fill(fresh);
        return new Epoch(path, BitConverter.ToUInt64(fresh) | 1);
    }

    /// <summary>Everything is on the disk, and nothing is written any more.</summary>
    public void End()
    {
        try
        {
            DurableFile.Replace(path, System.Text.Encoding.ASCII.GetBytes($"{Value:x16}\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next start verifies what it reads, as after a crash.
        }
    }
}
