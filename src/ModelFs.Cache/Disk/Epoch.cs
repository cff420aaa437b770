using System.Globalization;
using System.Security.Cryptography;

namespace ModelFs.Cache.Disk;

/// <summary>A number that lasts from one clean stop to the next: what was sealed under another one may have been through a crash since.</summary>
/// <remarks>
/// It is random, so that a directory which lost it vouches for nothing. The file that hands it on exists only between a clean stop and
/// the start after it. It says too when what was killed before has not been verified whole yet.
/// </remarks>
internal sealed class Epoch
{
    private const string Unverified = " unverified";

    private readonly string path;

    private Epoch(string path, ulong value, bool isUnverified) => (this.path, Value, IsUnverified) = (path, value, isUnverified);

    /// <summary>Never 0.</summary>
    public ulong Value { get; }

    /// <summary>What lies here may be of another epoch.</summary>
    public bool IsUnverified { get; }

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
                string[] words = text.Trim().Split(' ', 2);
                if (ulong.TryParse(words[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong former) && former != 0)
                    return new Epoch(path, former, isUnverified: words.Length > 1);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What cannot be taken back might be believed after a crash.
        }

        Span<byte> fresh = stackalloc byte[8];
        RandomNumberGenerator.Fill(fresh);
        return new Epoch(path, BitConverter.ToUInt64(fresh) | 1, isUnverified: true);
    }

    /// <summary>Everything is on the disk, and nothing is written any more.</summary>
    /// <param name="isUnverified">Something may still be of another epoch.</param>
    public void End(bool isUnverified)
    {
        try
        {
            DurableFile.Replace(path, System.Text.Encoding.ASCII.GetBytes($"{Value:x16}{(isUnverified ? Unverified : "")}\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next start verifies what it reads, as after a crash.
        }
    }
}
