using System.Text.Json;
using System.Text.Json.Serialization;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Space;

/// <summary>Bytes fetched and served, by registry, counted over restarts.</summary>
/// <remarks>A file beside the index, written once a minute and at the end: a crash costs a minute of counting. A damaged one begins anew.</remarks>
internal sealed class Totals
{
    private const ulong Magic = 0x0001_544F545346_4Dul; // "MFSTOT", version 1

    private readonly string path;
    private readonly Accounts accounts;
    private readonly Stored former;
    private byte[] written = [];

    public Totals(string path, Accounts accounts, DateTimeOffset now)
    {
        (this.path, this.accounts) = (path, accounts);
        former = Read(path) ?? new Stored(now, []);
        foreach (string owner in former.Owners.Keys)
            accounts.Of(owner);
    }

    /// <summary>From when on they count.</summary>
    public DateTimeOffset Since => former.Since;

    /// <summary>Of one registry, those of earlier processes included.</summary>
    public OwnerTotals Of(Account account)
    {
        var before = former.Owners.GetValueOrDefault(account.Owner);
        return new OwnerTotals(before.Origin + account.OriginBytes, before.Served + account.Reads.Bytes);
    }

    /// <exception cref="IOException">The disk refuses.</exception>
    public void Save()
    {
        var now = new Stored(former.Since, accounts.All.Where(a => a.Owner.Length > 0).OrderBy(a => a.Owner, StringComparer.Ordinal).ToDictionary(a => a.Owner, Of));
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(now, TotalsJson.Default.Stored);
        if (bytes.AsSpan().SequenceEqual(written))
            return;
        CheckedFile.Write(path, Magic, bytes);
        written = bytes;
    }

    private static Stored? Read(string path)
    {
        try
        {
            return CheckedFile.Read(path, Magic) is { } bytes ? JsonSerializer.Deserialize(bytes, TotalsJson.Default.Stored) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    internal sealed record Stored(DateTimeOffset Since, Dictionary<string, OwnerTotals> Owners);
}

internal readonly record struct OwnerTotals(long Origin, long Served);

[JsonSerializable(typeof(Totals.Stored))]
internal sealed partial class TotalsJson : JsonSerializerContext;
